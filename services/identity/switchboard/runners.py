"""What the switchboard does by itself: releases, endings, the settling of studies, and wiping its own trail."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from aiokafka.structs import TopicPartition
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.settings import Settings
from services.identity.switchboard import endings, engagement, enrolments, erasure, journeys, notices
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.releases import Sessions
from shared.bus.broker import make_admin, make_consumer
from shared.contracts.topics import ACTIVITY, Topic
from shared.due import in_batches, run_every
from shared.region import load_region
from shared.settings import KafkaSettings

NOTICES_LOOK_SECONDS = 0.25  # how late after its tick a release may begin
LOOK_SECONDS = 1.0
DAY_SECONDS = 86_400.0


def notices_group(source: str) -> str:
    """The consumer group of a source's notices."""
    return f"identity.notices.{source}"


def activity_group(source: str) -> str:
    """The consumer group of a source's acts."""
    return f"identity.activity.{source}"


@dataclass(frozen=True, slots=True)
class Runner:
    """One background task: `act` at once and then `seconds` after each end, until cancelled."""

    name: str
    seconds: float
    act: Callable[[], Awaitable[object]]

    async def run(self) -> None:
        """Never ends by itself; failures are logged and tried again."""
        await run_every(self.seconds, self.act, name=f"identity.{self.name}")


def make_switchboard(settings: Settings) -> Switchboard:
    """The switchboard of the settings' region. Raises what `load_region` raises."""
    return Switchboard(
        region=settings.region,
        zone=load_region(settings.region_file).time_zone,
        notices_seconds=settings.notices_release_seconds,
        engagement_seconds=settings.engagement_release_seconds,
    )


def runners(
    sessions: Sessions, settings: Settings, board: Switchboard, wake: Callable[[], None] = lambda: None
) -> list[Runner]:
    """All of them, to be run as tasks beside the relay; `wake` is the relay's. Any number of processes may run them."""
    kafka = settings.kafka

    def released(release: Callable[[AsyncSession], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            if await in_batches(sessions, release):
                wake()

        return act

    async def settle() -> None:
        await journeys.settle(sessions, board, partial(acts_are_handled, kafka))
        await released(partial(journeys.publish, board=board))()
        await in_batches(sessions, journeys.forget_days)

    async def forget_receipts() -> None:
        async with sessions() as session, session.begin():
            await erasure.forget_receipts(session)

    return [
        Runner("notices.release", NOTICES_LOOK_SECONDS, released(notices.release)),
        Runner("engagement.release", LOOK_SECONDS, released(partial(engagement.release, board=board))),
        Runner("endings", LOOK_SECONDS, released(partial(endings.say, board=board))),
        Runner("studies.enrol", LOOK_SECONDS, released(enrolments.enrol_some)),
        Runner("studies.settle", LOOK_SECONDS, settle),
        Runner("receipts.forget", DAY_SECONDS, forget_receipts),
    ]


async def acts_are_handled(kafka: KafkaSettings) -> bool:
    """Whether every act that stands on its topic now has been handled. Raises KafkaError."""
    for source, topic in ACTIVITY.items():
        if not await _is_handled(kafka, activity_group(source), [topic]):
            return False
    return True


async def _is_handled(kafka: KafkaSettings, group: str, topics: Sequence[Topic]) -> bool:
    places = [
        TopicPartition(topic.name, partition) for topic in topics for partition in range(topic.partitions)
    ]
    admin, consumer = make_admin(kafka, "identity-settling"), make_consumer(kafka, "identity-settling")
    try:
        await admin.start()
        await consumer.start()
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await consumer.stop()
        await admin.close()
    handled = {
        place: max(starts[place], known.offset) for place, known in committed.items() if place in starts
    }
    return all(handled.get(place, starts[place]) >= ends[place] for place in places)
