"""Every record that enters the switchboard compared with all that leave it, on real Kafka."""

import asyncio
import itertools
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from pydantic import SecretStr

from services.identity.consumers import subscribe
from services.identity.settings import Settings
from services.identity.switchboard import runners
from shared import clock
from shared.bus.broker import make_broker, make_producer
from shared.bus.bus import Bus
from shared.bus.reader import reading
from shared.clock import SettableClock
from shared.contracts.envelope import Envelope
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.identity import StudyJourneys
from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import (
    ACTIVITY,
    ENGAGEMENT,
    JOURNEYS,
    NOTICES_ADDRESSED,
    NOTICES_REQUESTED,
    Topic,
)
from shared.hlc import milliseconds
from shared.outbox.relay import Relay
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.identity_switchboard.conftest import Board

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
ALLOWED = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"}
SAME_FOR_ALL = {b"1.0", b"application/json"}
PEOPLE, RELEASES = 16, 50


def concordance(groups: Sequence[Sequence[int]]) -> float:
    """Kendall's S over groups of ranks, in standard deviations of what random orders give."""
    s, variance = 0, 0.0
    for ranks in groups:
        n = len(ranks)
        s += sum((a < b) - (a > b) for a, b in itertools.combinations(ranks, 2))
        variance += n * (n - 1) * (2 * n + 5) / 18
    return s / sqrt(variance)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


class Crossing:
    """Identity's consumers and relay on Kafka, and a hand that puts facts in as forum and events do."""

    def __init__(self, board: Board, settings: Settings, producer: AIOKafkaProducer) -> None:
        self.board = board
        self.settings = settings
        self.producer = producer
        self.entered: list[ConsumerRecord] = []
        self._ends: dict[Topic, dict[int, int]] = {}

    async def enters(self, topic: Topic, alias: UUID, payload: Payload) -> None:
        """A fact with every header that a library or a careless change could add."""
        at = topic.time_cut.cut(clock.now())
        trail = secrets.token_hex(16)
        headers = [
            *Envelope(uuid4(), payload.type, f"peercafe/{topic.publisher}", at).headers(),
            ("correlation_id", trail.encode()),
            ("traceparent", f"00-{trail}-{trail[:16]}-01".encode()),
            ("reply_to", NOTICES_ADDRESSED.name.encode()),
            ("message_id", uuid4().bytes.hex().encode()),
        ]
        body = payload.model_dump_json().encode()
        sent = await self.producer.send_and_wait(
            topic.name, body, key=str(alias).encode(), headers=headers, timestamp_ms=milliseconds(at)
        )
        self.entered.append(
            ConsumerRecord(
                topic.name, sent.partition, sent.offset, sent.timestamp, 0, str(alias).encode(), body, None,
                len(alias.bytes), len(body), headers,
            )
        )  # fmt: skip

    async def left(self, *topics: Topic) -> list[ConsumerRecord]:
        """What has left since the start, keep-alives apart."""
        async with reading(self.settings.kafka) as reader:
            return [
                record
                for topic in topics
                async for record in reader.records(topic.name)
                if record.offset >= self._ends[topic].get(record.partition, 0)
                and dict(record.headers)["ce_type"] != KEEP_ALIVE.encode()
            ]

    async def note_ends(self, *topics: Topic) -> None:
        """Start looking at these topics here."""
        async with reading(self.settings.kafka) as reader:
            for topic in topics:
                ends: dict[int, int] = defaultdict(int)
                async for record in reader.records(topic.name):
                    ends[record.partition] = record.offset + 1
                self._ends[topic] = ends

    async def holds(self, table: str, count: int) -> None:
        """Wait until so much is held."""

        async def held() -> bool:
            return len(await self.board.fetch(f"SELECT 1 FROM {table}")) == count

        await eventually(held)

    async def is_sent(self) -> None:
        """Wait until the relay has published everything."""
        await self.holds("outbox", 0)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Bus]:
        """Identity's consumers, as a process that starts and stops."""
        bus = Bus(
            make_broker(self.settings.kafka, "identity"), self.board.sessions, "identity", self.settings
        )
        subscribe(bus, self.board.switchboard)
        await bus.start()
        try:
            yield bus
        finally:
            await bus.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything the switchboard does by itself."""
        acting = runners.runners(self.board.sessions, self.settings, self.board.switchboard)
        tasks = [asyncio.create_task(runner.run()) for runner in acting]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Identity's relay."""
        task = asyncio.create_task(Relay("identity", self.settings).run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def time() -> object:
    """The clock, two hours back: Kafka refuses times over an hour ahead, and the tests play an hour."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    with clock.stopped_at(start) as stopped:
        yield stopped


@pytest.fixture
async def crossing(
    engines: Engines, identity_dsn: str, board: Board, tmp_path: Path
) -> AsyncIterator[Crossing]:
    await engines.topics_applied()
    settings = Settings(
        region_file=REGION,
        database_url=SecretStr(identity_dsn),
        redis_url=SecretStr(engines.redis_url("identity")),
        kafka=KafkaSettings(bootstrap_servers=engines.kafka),
        identity_url="http://identity.invalid",
        secret=SecretStr("for tests only, thirty-two bytes long"),
        keys_file=tmp_path / "keys.json",
    )
    producer = make_producer(settings.kafka, "test")
    await producer.start()
    yield Crossing(board, settings, producer)
    await producer.stop()


def assert_nothing_crossed(entered: Sequence[ConsumerRecord], left: Sequence[ConsumerRecord]) -> None:
    """No key, id or header value of what came is part of anything that left. Bodies: see each test."""
    came = {record.key for record in entered}
    came |= {value for record in entered for name, value in record.headers} - SAME_FOR_ALL
    came -= {
        dict(record.headers)["ce_time"] for record in entered
    }  # cut times may be equal: that is their cut
    ids = [dict(record.headers)["ce_id"] for record in left]
    assert len(set(ids)) == len(ids)
    for record in left:
        headers = dict(record.headers)
        assert headers.keys() == ALLOWED == {name for name, _ in record.headers}
        assert len(record.headers) == len(ALLOWED)
        assert headers["ce_source"] == b"peercafe/identity"
        assert UUID(headers["ce_id"].decode()).version == 4
        assert datetime.fromisoformat(headers["ce_time"].decode()) == datetime.fromtimestamp(
            record.timestamp / 1000, UTC
        )
        for said in (record.key, record.value, *headers.values()):
            assert not [trace for trace in came if trace == said or (len(trace) > 12 and trace in said)]


def test_the_statistic_notices_an_order_that_is_kept() -> None:
    kept = [list(range(4)) for _ in range(RELEASES)]
    assert concordance(kept) > 5
    assert concordance([list(reversed(ranks)) for ranks in kept]) < -5
    half = [[*range(8, 16), *range(8)] for _ in range(RELEASES)]
    assert abs(concordance(half)) > 1


async def test_nothing_of_a_notice_can_be_matched_to_what_left(
    crossing: Crossing, time: SettableClock
) -> None:
    people = [await crossing.board.joins() for _ in range(PEOPLE)]
    forum = {somebody: await crossing.board.alias(somebody, "forum") for somebody in people}
    addressed = {str(await crossing.board.alias(p, "notifications")).encode(): p for p in people}
    await crossing.note_ends(NOTICES_ADDRESSED)
    orders: list[dict[UUID, int]] = []
    async with crossing.listening(), crossing.relaying():
        for _ in range(RELEASES):
            order = secrets.SystemRandom().sample(people, PEOPLE)
            orders.append({somebody: place for place, somebody in enumerate(order)})
            for somebody in order:
                await crossing.enters(
                    NOTICES_REQUESTED["forum"], forum[somebody], NoticeRequested(category="replies")
                )
            await crossing.holds("notices_held", PEOPLE)
            time.move(timedelta(seconds=60))
            assert await crossing.board.release_notices() == PEOPLE
        await crossing.is_sent()

    left = await crossing.left(NOTICES_ADDRESSED)
    assert len(left) == PEOPLE * RELEASES
    assert_nothing_crossed(crossing.entered, left)
    assert {record.value for record in left} == {b'{"category":"replies","urgency":"ordinary"}'}
    assert all(record.timestamp % 60_000 == 0 for record in left)

    ranks: dict[tuple[int, int], list[int]] = defaultdict(
        list
    )  # by partition and release, in the order of offsets
    seen: dict[bytes, int] = defaultdict(int)
    for record in sorted(left, key=lambda record: (record.partition, record.offset)):
        release, somebody = seen[record.key], addressed[record.key]
        seen[record.key] += 1
        ranks[record.partition, release].append(orders[release][somebody])
    assert abs(concordance(list(ranks.values()))) < 5  # by chance once in 1.7 million runs

    assert not await crossing.board.fetch("SELECT 1 FROM outbox_sent")
    assert not await crossing.board.fetch("SELECT 1 FROM notices_held")
    kept = await crossing.board.fetch(
        "SELECT i::text AS line FROM inbox i WHERE consumer = 'identity.notices.forum'"
    )
    assert len(kept) == PEOPLE * RELEASES
    assert not [row for row in kept if ":" in row.line]  # a date, no time


async def test_nothing_of_an_act_can_be_matched_to_what_left(crossing: Crossing, time: SettableClock) -> None:
    people, study = [await crossing.board.joins() for _ in range(PEOPLE)], uuid4()
    forum = {somebody: await crossing.board.alias(somebody, "forum") for somebody in people}
    await crossing.board.study(study, opened_at=time.at)
    await crossing.note_ends(*ENGAGEMENT.values())
    releases = 5
    async with crossing.listening(), crossing.relaying():
        for _ in range(releases):
            for somebody in people:
                await crossing.enters(ACTIVITY["forum"], forum[somebody], PostWritten())
        await crossing.holds("acts_held", PEOPLE * (releases + 1))  # and everybody's membership
        time.move(timedelta(hours=1))
        assert await crossing.board.release_acts() == PEOPLE * (releases + 1)
        await crossing.is_sent()
    left = await crossing.left(*ENGAGEMENT.values())
    assert len(left) == PEOPLE * (releases + 1)
    assert_nothing_crossed(crossing.entered, left)
    assert {record.timestamp % 86_400_000 for record in left} == {0}
    assert len({record.value for record in left}) == 2  # a membership and a post: all of them equal
    by_source = {
        topic: {record.key for record in left if record.topic == topic.name}
        for topic in (ENGAGEMENT["forum"], ENGAGEMENT["membership"])
    }
    assert not set.intersection(*by_source.values())


async def test_what_was_handled_before_a_restart_leaves_after_it_once(
    crossing: Crossing, time: SettableClock
) -> None:
    somebody = await crossing.board.joins()
    forum = await crossing.board.alias(somebody, "forum")
    await crossing.note_ends(NOTICES_ADDRESSED)
    async with crossing.listening():
        await crossing.enters(NOTICES_REQUESTED["forum"], forum, NoticeRequested(category="replies"))
        await crossing.holds("notices_held", 1)
    await crossing.enters(NOTICES_REQUESTED["forum"], forum, NoticeRequested(category="moderation"))
    time.move(timedelta(seconds=60))
    async with crossing.listening(), crossing.relaying():
        await crossing.holds("notices_held", 2)
        time.move(timedelta(seconds=60))
        await crossing.board.release_notices()
        await crossing.is_sent()
    assert len(await crossing.left(NOTICES_ADDRESSED)) == 2


async def test_what_was_handled_is_deleted_from_kafka(crossing: Crossing) -> None:
    somebody, topic = await crossing.board.joins(), ACTIVITY["forum"]
    forum = await crossing.board.alias(somebody, "forum")
    async with crossing.listening() as bus:
        await crossing.enters(topic, forum, PostWritten())
        await crossing.holds("acts_held", 1)
        await eventually(lambda: runners.acts_are_handled(crossing.settings.kafka))
    await crossing.enters(topic, forum, PostWritten())
    assert not await runners.acts_are_handled(crossing.settings.kafka)
    await bus.wipe_handled()
    async with reading(crossing.settings.kafka) as reader:
        waiting = [record async for record in reader.records(topic.name)]
    assert [(record.partition, record.offset) for record in waiting] == [
        (crossing.entered[-1].partition, crossing.entered[-1].offset)
    ]


async def test_the_running_switchboard_passes_everything_on_and_counts_a_closed_study(
    crossing: Crossing,
) -> None:
    clock.set_source(None)  # the runners live by the real time
    board, study = crossing.board, uuid4()
    board.switchboard = replace(board.switchboard, notices_seconds=0.5, engagement_seconds=2)
    somebody = await board.joins()
    forum = await board.alias(somebody, "forum")
    await crossing.note_ends(NOTICES_ADDRESSED, JOURNEYS, *ENGAGEMENT.values())
    await board.study(study, opened_at=clock.now())
    async with crossing.listening(), crossing.relaying(), crossing.running():
        await crossing.enters(NOTICES_REQUESTED["forum"], forum, NoticeRequested(category="replies"))
        for _ in range(20):
            await crossing.enters(ACTIVITY["forum"], forum, PostWritten())
        await board.study(study, "closed", closed_at=clock.now())

        async def is_counted() -> bool:
            return bool(await crossing.left(JOURNEYS))

        await eventually(is_counted)
        (counted,) = await crossing.left(JOURNEYS)
        assert StudyJourneys.model_validate_json(counted.value).rows == {
            "membership": 1,
            "forum": 20,
            "events": 0,
        }
        await crossing.is_sent()
        assert len(await crossing.left(ENGAGEMENT["forum"])) == 20
        assert len(await crossing.left(NOTICES_ADDRESSED)) == 1
