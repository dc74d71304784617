"""What reading costs in a large forum against a small one: medians over one connection, in seconds."""

import statistics
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import cycle, islice

import asyncpg

from benchmarks import load
from benchmarks.filled_forum import A_PAGE, Filled, fill
from benchmarks.forum_alone import ForumAlone, forum_alone
from benchmarks.lines import Line, Measure, Result, interleaved
from tests.engines import Engines

FEW, MANY, LONG_THREAD = 1_000, 100_000, 10_000
READS, WARM = 600, 200

LIST = Line(
    "thread list, median at 100,000 posts in 5,000 threads",
    "the same at 1,000 posts in 50 threads",
    1.3,
    1.1,
    better="lower",
)
PAGE = Line(
    "thread page, median at 100,000 posts in 5,000 threads",
    "the same at 1,000 posts in 50 threads",
    1.3,
    1.1,
    better="lower",
)
LONG_PAGE = Line(
    "thread page, median, in a thread of 10,000 posts",
    "a page of a thread of 20 at 1,000 posts",
    1.3,
    1.1,
    better="lower",
)


async def measure(engines: Engines, *, posts: int = MANY) -> list[Result]:
    """The lines of growing: two forums beside each other, the reader alone in each."""
    async with AsyncExitStack() as stack:
        # Without consumers: two forums can't be one member of the same group, and nothing is to be read back.
        alone = {"CONSUMERS": "false"}
        small = await stack.enter_async_context(forum_alone(engines, threads=0, env=alone))
        large = await stack.enter_async_context(forum_alone(engines, threads=0, env=alone))
        few = await fill(small.dsn, small.alias, posts=FEW)
        many = await fill(large.dsn, large.alias, posts=posts, long_thread=LONG_THREAD)
        assert many.long_thread is not None
        middle = await middle_of(large, str(many.long_thread))
        lists = ["/threads?limit=30"]
        small_pages, large_pages = pages(few), pages(many)
        long_pages = [
            f"/threads/{many.long_thread}?limit={A_PAGE}{after}" for after in ("", f"&after={middle}")
        ]
        results = []
        for line, ours, theirs in (
            (LIST, lists, lists),
            (PAGE, large_pages, small_pages),
            (LONG_PAGE, long_pages, small_pages),
        ):
            named = replace(
                line, name=line.name.replace("100,000", f"{posts:,}").replace("5,000", f"{posts // A_PAGE:,}")
            )
            mine, their = median_of(large, ours), median_of(small, theirs)
            await mine()
            await their()
            results.append(await interleaved(named, mine, their))
        return results


def pages(filled: Filled) -> list[str]:
    """A page of twenty posts of each of some threads."""
    return [f"/threads/{thread}?limit={A_PAGE}" for thread in filled.threads]


def median_of(alone: ForumAlone, paths: list[str]) -> Measure:
    """A round: the median seconds of an answer, the first few left out."""

    async def one_round() -> float:
        asked = [load.request("GET", path, alone.headers) for path in islice(cycle(paths), WARM + READS)]
        done = await load.run(alone.port, asked, expected=200, connections=1)
        return statistics.median(done.latencies[WARM:])

    return one_round


async def middle_of(alone: ForumAlone, thread: str) -> str:
    """The id of a post half-way through a thread."""
    connection = await asyncpg.connect(alone.dsn)
    try:
        found = await connection.fetchval(
            "SELECT id FROM posts WHERE thread_id = $1 ORDER BY written OFFSET $2 LIMIT 1",
            thread,
            LONG_THREAD // 2,
        )
        return str(found)
    finally:
        await connection.close()
