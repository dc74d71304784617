"""What digests cost somebody who writes: nothing of them is done in the request, but they share process, database and disk.

A round of digests falls into everything that is measured, thirty times as often as in a region, and sums up all that was
written since the beginning. Nothing of it is left over for the other forum's turn.
"""

import asyncio
from contextlib import AsyncExitStack

import asyncpg

from benchmarks import load
from benchmarks.forum_alone import ForumAlone, caught_up, forum_alone
from benchmarks.lines import Line, Measure, Result, interleaved
from benchmarks.neighbour import SOUTH, fresh_topics
from benchmarks.progress import under_way
from tests.engines import Engines, running_engines

WITH = Line("create reply in a region with a neighbour and digests", "the same without", 0.95, 0.98)
WRITES, THREADS, MEMBERS, ROUNDS = 2_000, 200, 50, 9
SECONDS = 2  # that a round's writes take, and between two rounds of digests
DIGESTS = {
    "NEIGHBOURS": f'["{SOUTH}"]',
    "DIGESTS_SECONDS": str(SECONDS),
    "DIGESTS_ANYWAY_SECONDS": str(10 * SECONDS),
}


def writing(alone: ForumAlone) -> Measure:
    """Replies a second over HTTP."""

    async def by_http() -> float:
        done = await load.run(alone.port, alone.replies(WRITES), expected=201)
        await caught_up(alone)
        await summed_up(alone)
        return done.rate

    return by_http


async def summed_up(alone: ForumAlone) -> None:
    """Wait until no bucket is to be summed up; without a neighbour none ever is."""
    connection = await asyncpg.connect(alone.dsn)
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM buckets_to_sum)"):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def measure(engines: Engines) -> list[Result]:
    """Two forums, each with engines of its own, since a Kafka has one forum; one is idle while the other is measured."""
    await fresh_topics(engines, SOUTH)
    async with AsyncExitStack() as ends:
        others = ends.enter_context(running_engines(durable=True))
        one, other = [
            await ends.enter_async_context(forum_alone(where, threads=THREADS, members=MEMBERS, env=env))
            for where, env in ((engines, DIGESTS), (others, {}))
        ]
        with_digests, without = writing(one), writing(other)
        for warm in (with_digests, without):
            await warm()
        under_way("writes with digests and without")
        return [await interleaved(WITH, with_digests, without, rounds=ROUNDS)]
