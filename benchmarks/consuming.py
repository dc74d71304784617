"""Consumers: reading and validating alone, and an idempotent projection; records a second, from the first one received."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.lines import Line, Result, interleaved
from benchmarks.records import put
from benchmarks.service import Service, service_on
from shared.bus.broker import BATCH, connection, make_broker
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.envelope import read_headers
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import Kind, Topic
from shared.database.engine import make_engine, make_sessions
from tests.engines import Engines

RECORDS, FACTS, FACTS_ONE_BY_ONE, KEYS = 50_000, 20_000, 1_000, 2_000
PATIENCE = 120.0

VALIDATING = Line(
    "consumer without database, every envelope and payload validated",
    "aiokafka: getmany of 500, envelope and payload validated by the same models, commit",
    0.85,
    0.95,
)
PROJECTING = Line(
    "idempotent projection: inbox and upsert",
    "raw asyncpg and aiokafka: one transaction and one offset commit for each message",
    25,
    40,
)

PROJECTION = "CREATE TABLE projection (key uuid PRIMARY KEY, category text NOT NULL, times bigint NOT NULL)"
UPSERT = text(
    "INSERT INTO projection (key, category, times)"
    " SELECT key, max(category), count(*) FROM unnest(CAST(:keys AS uuid[]), CAST(:categories AS text[]))"
    " AS fact(key, category) GROUP BY key"
    " ON CONFLICT (key) DO UPDATE SET category = excluded.category, times = projection.times + excluded.times"
)
NOTE = "INSERT INTO inbox (consumer, event_id, received_on) VALUES ($1, $2, DATE '2026-11-01') ON CONFLICT DO NOTHING"
UPSERT_ONE = """INSERT INTO projection (key, category, times) VALUES ($1, $2, 1)
    ON CONFLICT (key) DO UPDATE SET category = excluded.category, times = projection.times + 1"""


class Stopwatch:
    """Runs from the end of the first batch (joining a group is no part of reading) until all have come."""

    def __init__(self, expected: int) -> None:
        self.done = asyncio.Event()
        self._expected = expected
        self._in_hand = self._seen = self._first = 0
        self._started = self._ended = 0.0

    def received(self, count: int) -> None:
        """Records are in hand."""
        self._in_hand += count

    def stored(self) -> None:
        """What was in hand is dealt with."""
        now = time.perf_counter()
        if not self._seen:
            self._started, self._first = now, self._in_hand
        self._seen += self._in_hand
        self._in_hand = 0
        if self._seen >= self._expected:
            self._ended = now
            self.done.set()

    @property
    def rate(self) -> float:
        """Records a second, the first batch left out."""
        return (self._seen - self._first) / (self._ended - self._started)


async def by_bus(service: Service, subscribe: Callable[[Bus], object], watch: Stopwatch) -> float:
    """Records a second of the product's consumer, which `subscribe` adds to a bus."""
    engine = make_engine(service.settings.database_url.get_secret_value(), pool=2)
    broker = make_broker(service.settings.kafka, "benchmark")
    bus = Bus(broker, make_sessions(engine), "forum", service.settings, committed=watch.stored)
    subscribe(bus)
    await bus.start()
    try:
        await asyncio.wait_for(watch.done.wait(), PATIENCE)
        return watch.rate
    finally:
        await bus.stop()
        await engine.dispose()


def bare(service: Service, topic: Topic) -> AIOKafkaConsumer:
    """Aiokafka with its own defaults for fetching."""
    return AIOKafkaConsumer(
        topic.name,
        group_id=f"bare-{secrets.token_hex(4)}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **connection(service.settings.kafka),
    )


async def by_getmany(service: Service, topic: Topic) -> float:
    """Records a second of the loop anyone would write first."""
    consumer, watch = bare(service, topic), Stopwatch(RECORDS)
    await consumer.start()
    try:
        while not watch.done.is_set():
            batches = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            for records in batches.values():
                for record in records:
                    read_headers(dict(record.headers))
                    PostPublished.model_validate_json(record.value)
            if batches:
                await consumer.commit()
                watch.received(sum(map(len, batches.values())))
                watch.stored()
        return watch.rate
    finally:
        await consumer.stop()


async def one_by_one(service: Service, topic: Topic) -> float:
    """Messages a second when each has a transaction and an offset commit of its own."""
    consumer, watch, group = bare(service, topic), Stopwatch(FACTS_ONE_BY_ONE), secrets.token_hex(4)
    await consumer.start()
    try:
        async with service.connected() as database:
            async for record in consumer:
                await _apply_one(database, group, record)
                await consumer.commit()
                watch.received(1)
                watch.stored()
                if watch.done.is_set():
                    break
        return watch.rate
    finally:
        await consumer.stop()


async def _apply_one(database: asyncpg.Connection, group: str, record: Any) -> None:
    event_id = UUID(dict(record.headers)["ce_id"].decode())
    fact = NoticeAddressed.model_validate_json(record.value)
    async with database.transaction():
        if await database.execute(NOTE, group, event_id) == "INSERT 0 1":
            await database.execute(UPSERT_ONE, UUID(record.key.decode()), fact.category)


async def posts_on_a_topic(service: Service) -> Topic:
    """Posts of about 600 bytes, each of a key of its own."""
    topic = await service.topic(Kind.STATE, PostPublished)
    await put(
        service.settings.kafka, ((topic.name, str(uuid4()), a_post(number)) for number in range(RECORDS))
    )
    return topic


async def by_a_consumer_that_does_nothing(service: Service, topic: Topic) -> float:
    """Records a second of a state consumer whose use case is empty: no statement is sent."""
    watch = Stopwatch(RECORDS)

    async def nothing(_session: AsyncSession, received: list[Received[PostPublished]]) -> None:
        watch.received(len(received))

    def subscribe(bus: Bus) -> None:
        subscribe_state(bus, topic, group=a_group(), apply=nothing, reduced=False)

    return await by_bus(service, subscribe, watch)


async def validating(service: Service) -> Result:
    """Reading with nothing done about it."""
    topic = await posts_on_a_topic(service)
    await by_a_consumer_that_does_nothing(service, topic)
    return await interleaved(
        VALIDATING,
        lambda: by_a_consumer_that_does_nothing(service, topic),
        lambda: by_getmany(service, topic),
        rounds=5,
    )


async def facts_on_a_topic(service: Service) -> Topic:
    """Facts over KEYS keys, and a table to count them in."""
    topic = await service.topic(Kind.FACTS, NoticeAddressed)
    keys = [str(uuid4()) for _ in range(KEYS)]
    fact = NoticeAddressed(category="replies")
    await put(service.settings.kafka, ((topic.name, keys[number % KEYS], fact) for number in range(FACTS)))
    async with service.connected() as database:
        await database.execute(PROJECTION)
    return topic


async def by_projection(service: Service, topic: Topic) -> float:
    """Facts a second, counted by key, each once."""
    watch = Stopwatch(FACTS)

    async def upsert(session: AsyncSession, received: list[Received[NoticeAddressed]]) -> None:
        keys = [record.key for record in received]
        categories = [record.payload.category for record in received]
        await session.execute(UPSERT, {"keys": keys, "categories": categories})
        watch.received(len(received))

    def subscribe(bus: Bus) -> None:
        subscribe_facts(bus, topic, group=a_group(), apply=upsert)

    return await by_bus(service, subscribe, watch)


async def projecting(service: Service) -> Result:
    """Counting facts by key, each once; the table must tell so afterwards."""
    topic = await facts_on_a_topic(service)
    await by_projection(service, topic)
    result = await interleaved(
        PROJECTING, lambda: by_projection(service, topic), lambda: one_by_one(service, topic)
    )
    async with service.connected() as database:
        times = await database.fetchval("SELECT sum(times) FROM projection")
    assert times == FACTS * (len(result.ours) + 1) + FACTS_ONE_BY_ONE * len(result.theirs), times
    return result


def a_group() -> str:
    """A consumer group of its own: it begins at the beginning."""
    return f"forum-{secrets.token_hex(4)}"


def a_post(number: int) -> PostPublished:
    """A reply of about 600 bytes as JSON."""
    return PostPublished(
        id=uuid4(),
        home="north",
        version=number + 1,
        nonce="0" * 32,
        author_id=uuid4(),
        author_nonce="0" * 32,
        thread_id=uuid4(),
        written=number + 1,
        opening=False,
        body="Good morning to you all. It rains here. " * 5,
    )


async def measure(engines: Engines) -> list[Result]:
    """The consumers' lines."""
    service = await service_on(engines)
    return [await validating(service), await projecting(service)]
