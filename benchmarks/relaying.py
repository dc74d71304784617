"""The relay against a bare drain and against faststream-outbox: rows a second over the same rows and engines."""

import asyncio
import multiprocessing
import time
from dataclasses import replace

from benchmarks import outbox_peer
from benchmarks.lines import Line, Result, interleaved
from benchmarks.outbox_rows import fill, left, require_all, waiting
from benchmarks.service import AS_THE_RELAY, Service, service_on
from shared.bus.broker import make_producer
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import Kind, Topic
from shared.outbox.publisher import headers_of
from shared.outbox.relay import BATCH, Relay
from shared.settings import ServiceSettings
from tests.engines import Engines

ROWS, ROWS_OF_THE_OUTBOX_PEER = 50_000, 20_000
KILLED_WHEN_LEFT = 0.6  # of the rows
PATIENCE = 120.0

AGAINST_A_BARE_DRAIN = Line(
    "relay, 50,000 rows of 600 bytes over 2,000 keys, ordered per key, 0 lost after a kill",
    "bare drain: lock 500, send, gather, delete; same producer and session settings",
    0.85,
    1.20,
)
AGAINST_FASTSTREAM_OUTBOX = Line(
    "relay, 20,000 rows",
    "faststream-outbox 0.19: 4 workers, fetch and flush 500, LISTEN/NOTIFY, not ordered per key",
    9,
    15,
)


async def by_relay(service: Service, topic: Topic, rows: int) -> float:
    """Rows a second of the product's relay, from its start to an empty outbox."""
    await fill(service, topic, rows)
    relay = Relay("forum", service.settings)
    started = time.perf_counter()
    task = asyncio.create_task(relay.run())
    try:
        async with service.connected() as connection:
            while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                await asyncio.sleep(0.02)
        return rows / (time.perf_counter() - started)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def by_bare_drain(service: Service, topic: Topic, rows: int) -> float:
    """Rows a second of the loop anyone would write first."""
    await fill(service, topic, rows)
    started = time.perf_counter()
    producer = make_producer(service.settings.kafka, "bare-drain")
    await producer.start()
    try:
        async with service.connected(**AS_THE_RELAY) as connection:
            while True:
                async with connection.transaction():
                    found = await connection.fetch(
                        "SELECT * FROM outbox ORDER BY seq LIMIT $1 FOR UPDATE", BATCH
                    )
                    if not found:
                        return rows / (time.perf_counter() - started)
                    futures = [
                        await producer.send(
                            row["topic"],
                            row["payload"],
                            key=row["key"].encode(),
                            timestamp_ms=int(row["occurred_at"].timestamp() * 1000),
                            headers=headers_of(
                                row["event_id"], row["type"], "peercafe/forum", row["occurred_at"]
                            ),
                        )
                        for row in found
                    ]
                    await asyncio.gather(*futures)
                    await connection.execute(
                        "DELETE FROM outbox WHERE seq = ANY($1::bigint[])", [row["seq"] for row in found]
                    )
    finally:
        await producer.stop()


def relay_until_killed(settings: ServiceSettings) -> None:
    """What runs in the process that is killed."""
    asyncio.run(Relay("forum", settings).run())


async def nothing_lost_after_a_kill(service: Service, rows: int) -> str:
    """Kill -9 a relay half-way, let another finish, and read the topic. Returns a sentence; raises LostOrReordered."""
    topic = await service.topic(Kind.FACTS, PostPublished)
    await fill(service, topic, rows)
    expected = await waiting(service)
    spawn = multiprocessing.get_context("spawn")

    async def until_left(most: float) -> int:
        child = spawn.Process(target=relay_until_killed, args=(service.settings,), daemon=True)
        child.start()
        try:
            async with asyncio.timeout(PATIENCE):
                while (there := await left(service)) > most:
                    await asyncio.sleep(0.01)
            return there
        finally:
            child.kill()
            await asyncio.to_thread(child.join)

    waited = await until_left(rows * KILLED_WHEN_LEFT)
    await until_left(0)
    twice = await require_all(service, topic, expected)
    return f"killed with {waited:,} of {rows:,} rows waiting: 0 lost, {twice} came twice, every key in order"


async def measure(engines: Engines, *, rows: int = ROWS) -> list[Result]:
    """The relay's lines."""
    service = await service_on(engines)
    topic = await service.topic(Kind.FACTS, PostPublished)
    lost = await nothing_lost_after_a_kill(service, rows)
    await by_relay(service, topic, 2_000)
    await by_bare_drain(service, topic, 2_000)
    line = replace(AGAINST_A_BARE_DRAIN, name=AGAINST_A_BARE_DRAIN.name.replace("50,000", f"{rows:,}"))
    drained = await interleaved(
        line, lambda: by_relay(service, topic, rows), lambda: by_bare_drain(service, topic, rows)
    )
    drained.notes = lost
    fewer = ROWS_OF_THE_OUTBOX_PEER
    async with outbox_peer.running(service) as peer:
        beside = await interleaved(
            AGAINST_FASTSTREAM_OUTBOX,
            lambda: by_relay(service, topic, fewer),
            lambda: peer.rows_a_second(topic, fewer),
        )
    return [drained, beside]
