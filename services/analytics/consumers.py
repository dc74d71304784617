"""What analytics subscribes to; each handler translates and makes one call."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.use_cases import engagement, surroundings
from services.analytics.use_cases.engagement import Act
from shared import clock
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts import topics
from shared.contracts.payloads.activity import EngagementRecorded
from shared.contracts.payloads.events import GatheringRecorded
from shared.contracts.payloads.identity import AudienceAlias, Source, StudyAlias, StudyJourneys

SOURCE_OF_TOPIC = {topics.ENGAGEMENT[source].name: source for source in topics.SOURCES}


def subscribe(bus: Bus, *, zone: str, home: str) -> None:
    """Register every consumer. `zone` is the region's IANA time zone, `home` its id."""

    async def on_engagement(session: AsyncSession, records: list[Received[EngagementRecorded]]) -> None:
        acts: dict[Source, list[Act]] = defaultdict(list)
        for record in records:
            said = record.payload
            acts[SOURCE_OF_TOPIC[record.topic]].append(
                Act(UUID(record.key), said.study_id, said.kind, said.day)
            )
        for source in sorted(acts):
            await engagement.count_acts(session, source, acts[source], today=clock.today(zone), home=home)

    async def on_aliases(session: AsyncSession, records: list[Received[StudyAlias]]) -> None:
        aliases = [record.payload for record in records]
        await engagement.take_aliases(session, aliases, today=clock.today(zone), home=home)

    async def on_journeys(session: AsyncSession, records: list[Received[StudyJourneys]]) -> None:
        await surroundings.take_journeys(session, [record.payload for record in records])

    async def on_gatherings(session: AsyncSession, records: list[Received[GatheringRecorded]]) -> None:
        await surroundings.take_gatherings(session, [record.payload for record in records])

    async def on_accounts(session: AsyncSession, records: list[Received[AudienceAlias]]) -> None:
        await surroundings.take_accounts(session, [record.payload for record in records])

    subscribe_facts(bus, *topics.ENGAGEMENT.values(), group="analytics.engagement", apply=on_engagement)
    subscribe_state(bus, *topics.STUDY_ALIASES.values(), group="analytics.study-aliases", apply=on_aliases)
    subscribe_state(bus, topics.JOURNEYS, group="analytics.journeys", apply=on_journeys)
    subscribe_state(bus, topics.GATHERINGS, group="analytics.gatherings", apply=on_gatherings)
    subscribe_state(
        bus, topics.IDENTITY_AUDIENCES["analytics"], group="analytics.accounts", apply=on_accounts
    )
