"""Creating a reply: the product's full path, and its database work alone, against two raw inserts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from benchmarks import load
from benchmarks.forum_alone import SECRET, ForumAlone, caught_up, forum_alone
from benchmarks.lines import Line, Measure, Result, interleaved
from services.forum.ids import Home
from services.forum.use_cases.replies import WriteReply, write_reply
from services.forum.use_cases.writers import Writers
from shared.api import idempotency
from shared.database.engine import make_engine, make_sessions
from shared.database.statements import Statements
from shared.hlc import HybridLogicalClock
from tests.engines import Engines

PEER = "raw asyncpg, default asyncio, two inserts in a transaction"
WRITES, THREADS, MEMBERS = 3_000, 1_000, 200

FULL = Line("create reply, full path over HTTP", PEER, 0.30, 0.45)
DATABASE = Line("create reply, database work alone", PEER, 0.80, 1.10)
TAIL = Line("POST p99, 16 connections, relay and Kafka on", "its own median", 2.5, 1.8, better="lower")

POST = "INSERT INTO raw_posts (id, thread_id, body) VALUES ($1, $2, $3)"
OUTBOX = "INSERT INTO raw_outbox (id, payload) VALUES ($1, $2)"


async def spread(count: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Calls a second of `work(number)`, 16 at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(load.CONNECTIONS)))
    return count / (time.perf_counter() - started)


@asynccontextmanager
async def raw_inserts(dsn: str, threads: list[str]) -> AsyncIterator[Measure]:
    """The peer: writes a second."""
    body, payload = "Good morning to you all. It rains here. " * 3, b"x" * 400
    async with asyncpg.create_pool(dsn, min_size=load.CONNECTIONS, max_size=load.CONNECTIONS) as pool:
        await pool.execute(
            "CREATE TABLE IF NOT EXISTS raw_posts (id uuid PRIMARY KEY, thread_id uuid, body text)"
        )
        await pool.execute("CREATE TABLE IF NOT EXISTS raw_outbox (id uuid PRIMARY KEY, payload bytea)")

        async def write(number: int) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(POST, uuid4(), threads[number % len(threads)], body)
                await connection.execute(OUTBOX, uuid4(), payload)

        yield lambda: spread(WRITES, write)


async def measure(engines: Engines) -> list[Result]:
    """The lines of writing."""
    latencies: list[list[float]] = []
    async with (
        forum_alone(engines, threads=THREADS, members=MEMBERS) as alone,
        raw_inserts(alone.dsn, alone.threads) as raw,
    ):

        async def by_http() -> float:
            done = await load.run(alone.port, alone.replies(WRITES), expected=201)
            latencies.append(done.latencies)
            await caught_up(alone)
            return done.rate

        for warm in (by_http, raw):
            await warm()
        latencies.clear()
        full = await interleaved(FULL, by_http, raw)
        full.latencies["create reply"] = [one for each in latencies for one in each]
    async with raw_inserts(
        alone.dsn, alone.threads
    ) as raw:  # the forum has ended, its relay and consumers too
        return [full, _tail(latencies), await _database_alone(alone, raw)]


def _tail(rounds: list[list[float]]) -> Result:
    ordered = [sorted(latencies) for latencies in rounds]
    return Result(
        TAIL, [each[int(len(each) * 0.99)] for each in ordered], [each[len(each) // 2] for each in ordered]
    )


async def _database_alone(alone: ForumAlone, raw: Measure) -> Result:
    engine = make_engine(alone.dsn.replace("postgresql://", "postgresql+asyncpg://"), pool=load.CONNECTIONS)
    database, sessions = Statements(engine), make_sessions(engine)
    home, writers = Home("north", HybridLogicalClock()), Writers()

    async def write(number: int) -> None:
        body = (f"Good morning to you all, number {number}. It rains here. " * 3).strip()  # as validated
        alias = alone.members[alone.turn_of(number)]
        key_hash, body_hash = idempotency.hashes(
            SECRET.encode(), alias, "benchmark", uuid4().hex, body.encode()
        )
        thread = alone.threads[number % len(alone.threads)]
        command = WriteReply(alias, "member", None, thread, body, key_hash, body_hash)  # type: ignore[arg-type]
        await write_reply(database, sessions, home, writers, command)

    async def ours() -> float:
        return await spread(WRITES, write)

    try:
        await ours()
        return await interleaved(DATABASE, ours, raw)
    finally:
        await engine.dispose()
