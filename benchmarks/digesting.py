"""What digests cost somebody who writes: nothing of them is done in the request, but they share process, database and disk.

A round of digests falls into everything that is measured, thirty times as often as in a region, and sums up all that was
written since the beginning. Nothing of it is left over for the other forum's turn. That one has a neighbour as well, but no
rounds: what neighbours cost besides isn't what is asked here.
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

WITH = Line(
    "create reply in a region with a neighbour, digests every 2 s",
    "the same without a round of digests",
    0.95,
    0.98,
)
WRITES, THREADS, MEMBERS, ROUNDS = 2_000, 200, 50, 7
SECONDS = 2  # that a round's writes take, and between two rounds of digests
NEIGHBOUR = {"NEIGHBOURS": f'["{SOUTH}"]'}
DIGESTS = {"DIGESTS_SECONDS": str(SECONDS), "DIGESTS_ANYWAY_SECONDS": str(10 * SECONDS)}
NEVER = {"DIGESTS_SECONDS": str(24 * 60 * 60)}


def writing(alone: ForumAlone, *, digests: bool) -> Measure:
    """Replies a second over HTTP."""

    async def by_http() -> float:
        done = await load.run(alone.port, alone.replies(WRITES), expected=201)
        await caught_up(alone)
        if digests:
            await summed_up(alone)
        return done.rate

    return by_http


async def summed_up(alone: ForumAlone) -> None:
    """Wait until no bucket is to be summed up."""
    connection = await asyncpg.connect(alone.dsn)
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM buckets_to_sum)"):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def measure(engines: Engines) -> list[Result]:
    """Two forums, each with engines of its own, since a Kafka has one forum; one is idle while the other is measured."""
    async with AsyncExitStack() as ends:
        others = ends.enter_context(running_engines(durable=True))
        for where in (engines, others):
            await fresh_topics(where, SOUTH)
        one, other = [
            await ends.enter_async_context(
                forum_alone(where, threads=THREADS, members=MEMBERS, env=NEIGHBOUR | env)
            )
            for where, env in ((engines, DIGESTS), (others, NEVER))
        ]
        with_digests, without = writing(one, digests=True), writing(other, digests=False)
        for warm in (with_digests, without):
            await warm()
        under_way("writes with digests and without")
        return [await interleaved(WITH, with_digests, without, rounds=ROUNDS)]
