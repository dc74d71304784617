"""From a commit to the consumer, paced and flat out, against aiokafka's send to receive: 99th percentiles in seconds."""

import asyncio
import multiprocessing
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

import asyncpg
import uvloop
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.consuming import a_post, bare
from benchmarks.latencies import Latencies, p99
from benchmarks.lines import Line, Measure, Result, interleaved
from benchmarks.service import Service, service_on
from shared.bus.broker import Producer, make_broker, make_producer
from shared.bus.bus import Bus
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import Kind, Topic
from shared.database.engine import make_engine, make_sessions
from shared.database.statements import Named, Statements
from shared.outbox import add as outbox
from shared.outbox.relay import Relay
from shared.settings import ServiceSettings
from tests.engines import Engines

A_SECOND, SAMPLES, WRITERS = 200, 1_000, 16
PACED_ROUNDS, FLAT_OUT_ROUNDS = 11, 5  # paced, a hiccup of one round moves the median of five by half
WARM = 200
LOG_FILES = 8  # PostgreSQL keeps five of them (min_wal_size)
AT = datetime(2026, 11, 1, tzinfo=UTC)

PACED = Line(
    f"commit to consumer p99, 200 a second, median of {PACED_ROUNDS} × 1,000 samples",
    "bare aiokafka, send to receive, 200 a second",
    1.5,
    1.1,
    better="lower",
)
FLAT_OUT = Line(
    f"commit to consumer p99, 16 writers flat out in a process of their own, median of {FLAT_OUT_ROUNDS} × 1,000 samples",
    "bare aiokafka, send to receive, 16 senders flat out in a process of their own, each awaiting its acknowledgement",
    10,
    4,
    better="lower",
)

INSERT = Named(outbox.INSERT.text)
Send = Callable[[PostPublished], Awaitable[None]]
Left = list[
    tuple[UUID, float]
]  # when each post was committed, or its sending began; the clock is the machine's


async def paced(side: "Side", count: int) -> None:
    """A_SECOND posts a second, each at its own moment, whether or not earlier ones are done."""
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / A_SECOND - time.perf_counter()))
            group.create_task(side.send(a_post(number)))


async def flat_out(send: Send, count: int) -> None:
    """WRITERS at once, each as fast as it is answered."""
    numbers = iter(range(count))

    async def writer() -> None:
        for number in numbers:
            await send(a_post(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(writer())


async def in_a_process(
    work: Callable[[ServiceSettings, Topic, int], Left], settings: ServiceSettings, topic: Topic, count: int
) -> Left:
    """What `work` returns, done in a new process."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work, settings, topic, count)
    finally:
        # Not here: waiting for its end would hold up the loop, and with it the relay and the consumer that are measured.
        await asyncio.to_thread(pool.shutdown)


class Side(Protocol):
    """One of the two that are compared."""

    latencies: Latencies

    async def send(self, post: PostPublished) -> None:
        """Send a post, noting when it left."""

    async def flat_out(self, count: int) -> None:
        """Send so many, WRITERS at once, each as fast as it is answered."""


class Ours:
    """Writers, relay and consumer of one service in this process, as a region runs them."""

    def __init__(self, settings: ServiceSettings, topic: Topic, relay: Relay, database: Statements) -> None:
        self.latencies = Latencies()
        self._settings = settings
        self._topic = topic
        self._relay = relay
        self._database = database

    async def flat_out(self, count: int) -> None:
        """WRITERS in a process of their own, as where the API's processes and the relay's are apart."""
        for post, since in await in_a_process(write_flat_out, self._settings, self._topic, count):
            self.latencies.left(post, since)

    async def send(self, post: PostPublished) -> None:
        # As the forum writes a reply: one statement, which commits by itself.
        values = outbox.row(self._topic, post.id, post)
        await self._database.fetch(INSERT.sql, *INSERT.arguments(values))
        self.latencies.left(post.id)
        self._relay.wake()

    async def receive(self, _session: AsyncSession, received: list[Received[PostPublished]]) -> None:
        for record in received:
            self.latencies.came(record.payload.id)


async def _write_flat_out(settings: ServiceSettings, topic: Topic, count: int) -> Left:
    engine = make_engine(settings.database_url.get_secret_value(), pool=WRITERS)
    left: Left = []
    relay = Relay("forum", settings)  # never run here: it wakes the one that is
    database = Statements(engine)

    async def send(post: PostPublished) -> None:
        values = outbox.row(topic, post.id, post)
        await database.fetch(INSERT.sql, *INSERT.arguments(values))
        left.append((post.id, time.perf_counter()))
        relay.wake()

    await flat_out(send, WRITERS)  # the connections of a busy service stand
    left.clear()
    await flat_out(send, count)
    await relay.close()
    await engine.dispose()
    return left


def write_flat_out(settings: ServiceSettings, topic: Topic, count: int) -> Left:
    """What runs in the writers' own process: a service whose relay another process holds.

    Returns when each post was committed; the clock is the machine's.
    """
    return uvloop.run(_write_flat_out(settings, topic, count))


@asynccontextmanager
async def ours_running(service: Service, topic: Topic) -> AsyncIterator[Ours]:
    """Ready to be written to."""
    engine = make_engine(service.settings.database_url.get_secret_value(), pool=WRITERS + 2)
    sessions = make_sessions(engine)
    relay = Relay("forum", service.settings)
    ours = Ours(service.settings, topic, relay, Statements(engine))
    bus = Bus(make_broker(service.settings.kafka, "benchmark"), sessions, "forum", service.settings)
    subscribe_state(bus, topic, group=f"forum-{secrets.token_hex(4)}", apply=ours.receive)
    relaying = asyncio.create_task(relay.run())  # its first keep-alives are sent while the consumer joins
    await bus.start()
    try:
        yield ours
    finally:
        relaying.cancel()
        await asyncio.wait([relaying])
        await bus.stop()
        await engine.dispose()


class Bare:
    """aiokafka's producer and consumer with nothing between."""

    def __init__(self, settings: ServiceSettings, topic: Topic, producer: Producer) -> None:
        self.latencies = Latencies()
        self._settings = settings
        self._topic = topic
        self._producer = producer

    async def flat_out(self, count: int) -> None:
        """WRITERS in a process of their own, as ours."""
        for post, since in await in_a_process(send_flat_out, self._settings, self._topic, count):
            self.latencies.left(post, since)

    async def send(self, post: PostPublished) -> None:
        self.latencies.left(post.id, await send_bare(self._producer, self._topic, post))


async def send_bare(producer: Producer, topic: Topic, post: PostPublished) -> float:
    """Send a post and await its acknowledgement. Returns when sending began."""
    value = post.model_dump_json().encode()
    headers = Envelope(uuid4(), post.type, "peercafe/forum", AT).headers()
    began = time.perf_counter()
    await producer.send_and_wait(topic.name, value, key=str(post.id).encode(), headers=headers)
    return began


async def _send_flat_out(settings: ServiceSettings, topic: Topic, count: int) -> Left:
    left: Left = []
    async with make_producer(settings.kafka, "bare") as producer:

        async def send(post: PostPublished) -> None:
            left.append((post.id, await send_bare(producer, topic, post)))

        await flat_out(send, WRITERS)  # as ours
        left.clear()
        await flat_out(send, count)
    return left


def send_flat_out(settings: ServiceSettings, topic: Topic, count: int) -> Left:
    """What runs in the peer's senders' own process. Returns when the sending of each post began."""
    return uvloop.run(_send_flat_out(settings, topic, count))


@asynccontextmanager
async def bare_running(service: Service, topic: Topic) -> AsyncIterator[Bare]:
    """Ready to be sent by."""
    producer, consumer = make_producer(service.settings.kafka, "bare"), bare(service, topic)
    await producer.start()
    await consumer.start()
    peer = Bare(service.settings, topic, producer)

    async def receive() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    peer.latencies.came(PostPublished.model_validate_json(record.value).id)
            await consumer.commit()

    receiving = asyncio.create_task(receive())
    try:
        yield peer
    finally:
        receiving.cancel()
        await asyncio.wait([receiving])
        await consumer.stop()
        await producer.stop()


async def log_files_at_hand(engines: Engines) -> None:
    """Has PostgreSQL's write-ahead log go on in files that were used before, as in a region that has run for an hour.

    A new cluster makes each file of 16 MiB while whoever commits waits, and all who waited then commit at once.
    """
    connection = await asyncpg.connect(await engines.superuser())
    try:
        for _ in range(LOG_FILES):
            await connection.execute("SELECT pg_logical_emit_message(true, 'benchmark', '')")
            await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")  # which keeps the old ones for what comes
    finally:
        await connection.close()


Pace = Callable[[Side, int], Awaitable[None]]
Running = Callable[[Service, Topic], AbstractAsyncContextManager[Side]]


async def measure(engines: Engines) -> list[Result]:
    """The lines of arriving."""
    await log_files_at_hand(engines)
    service = await service_on(engines)
    seen: defaultdict[str, list[float]] = defaultdict(list)

    def measuring(label: str, running: Running, pace: Pace) -> Measure:
        async def one_round() -> float:
            topic = await service.topic(Kind.STATE, PostPublished)
            async with running(service, topic) as side:
                await paced(side, WARM)
                await side.latencies.all_of(WARM)
                side.latencies = Latencies()
                await pace(side, SAMPLES)
                latencies = await side.latencies.all_of(SAMPLES)
            seen[label] += latencies
            return p99(latencies)

        return one_round

    results = []
    for line, pace, how, rounds in (
        (PACED, paced, "200 a second", PACED_ROUNDS),
        (FLAT_OUT, lambda side, count: side.flat_out(count), "flat out", FLAT_OUT_ROUNDS),
    ):
        ours = measuring(f"commit to consumer, {how}", ours_running, pace)
        theirs = measuring(f"aiokafka alone, {how}", bare_running, pace)
        results.append(await interleaved(line, ours, theirs, rounds=rounds))
        results[-1].latencies = dict(seen)
        seen.clear()
    return results
