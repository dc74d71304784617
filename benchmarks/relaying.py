"""The relay against a bare drain: rows a second over the same rows, producer settings and engines."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from benchmarks.lines import Line, Result, interleaved
from shared.bus.broker import make_producer
from shared.contracts.topics import POSTS
from shared.outbox.publisher import headers_of
from shared.outbox.relay import BATCH, Relay
from shared.settings import KafkaSettings, ServiceSettings
from tests.engines import Engines

ROWS, KEYS, BYTES = 50_000, 2_000, 600

AGAINST_A_BARE_DRAIN = Line(
    "relay, 50,000 rows of 600 bytes over 2,000 keys",
    "bare drain: lock 500, send, gather, delete",
    0.85,
    1.20,
)

FILL = """INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT gen_random_uuid(), $1, 'key-' || (n % $2), $3, TIMESTAMPTZ '2026-11-01', convert_to(repeat('x', $4), 'UTF8')
    FROM generate_series(1, $5) n"""


class Outbox:
    """One forum database with rows to publish."""

    def __init__(self, dsn: str, settings: ServiceSettings) -> None:
        self.dsn = dsn
        self.settings = settings

    async def fill(self, rows: int) -> None:
        async with self.connected() as connection:
            await connection.execute("TRUNCATE outbox, outbox_sent")
            await connection.execute(FILL, POSTS.name, KEYS, POSTS.payloads[0].type, BYTES, rows, timeout=120)
            await connection.execute("ANALYZE outbox")

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def left(self) -> int:
        async with self.connected() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM outbox"))


async def by_relay(outbox: Outbox, rows: int) -> float:
    """Rows a second of the product's relay, from its start to an empty outbox."""
    await outbox.fill(rows)
    relay = Relay("forum", outbox.settings)
    started = time.perf_counter()
    task = asyncio.create_task(relay.run())
    try:
        async with outbox.connected() as connection:
            while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                await asyncio.sleep(0.02)
        return rows / (time.perf_counter() - started)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def by_bare_drain(outbox: Outbox, rows: int) -> float:
    """Rows a second of the loop anyone would write first."""
    await outbox.fill(rows)
    started = time.perf_counter()
    producer = make_producer(outbox.settings.kafka, "bare-drain")
    await producer.start()
    try:
        async with outbox.connected() as connection:
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


async def outbox_of(engines: Engines) -> Outbox:
    """A fresh forum database and the settings that a relay on it has."""
    await engines.topics_applied()
    dsn = await engines.database("forum")
    settings = ServiceSettings(
        region_file=Path("unused.toml"),
        database_url=SecretStr(dsn),
        redis_url=SecretStr(engines.redis_url("forum")),
        redis_prefix="forum:",
        kafka=KafkaSettings(bootstrap_servers=engines.kafka),
        identity_url="http://127.0.0.1:1",
        secret=SecretStr(uuid4().hex * 2),
    )
    return Outbox(engines.plain(dsn), settings)


async def measure(engines: Engines, *, rows: int = ROWS) -> list[Result]:
    """The relay's lines."""
    outbox = await outbox_of(engines)
    await by_relay(outbox, 2_000)
    await by_bare_drain(outbox, 2_000)
    return [
        await interleaved(
            AGAINST_A_BARE_DRAIN, lambda: by_relay(outbox, rows), lambda: by_bare_drain(outbox, rows)
        )
    ]
