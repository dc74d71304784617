"""A forum filled anew from its topics by the product's own way: seconds for each post, in a large forum and in a small."""

import statistics
import time
from dataclasses import replace

from benchmarks.lines import Line, Result, interleaved
from benchmarks.neighbour import fresh_topics, publish, published
from benchmarks.progress import under_way
from benchmarks.service import service_on
from services.forum import consumers
from services.forum.ids import Home
from services.forum.rebuilding import rebuild
from services.forum.replicas.applying import Replicas
from services.forum.settings import Settings
from services.forum.use_cases.writers import Writers
from shared.auth import TokenVerifier
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.database.engine import make_engine, make_sessions
from shared.hlc import HybridLogicalClock
from tests.engines import Engines
from tests.tokens import Issuer

FEW, MANY = 5_000, 50_000

REBUILDING = Line(
    "rebuild from topics, time for each post at 50,000",
    "the same at 5,000",
    1.2,
    1.05,
    better="lower",
)


def region_with(posts: int) -> str:
    """The neighbour that has published so many; each forum has one."""
    return f"with-{posts}"


async def a_rebuild(engines: Engines, posts: int) -> float:
    """Seconds for each post, into an empty database, as where a region lost its own."""
    service = await service_on(engines)
    neighbour = region_with(posts)
    settings = Settings(**service.settings.model_dump() | {"neighbours": (neighbour,)})
    engine = make_engine(settings.database_url.get_secret_value(), pool=2, application="rebuild")
    try:
        bus = Bus(make_broker(settings.kafka, "forum"), make_sessions(engine), "forum", settings)
        home = Home(settings.region, HybridLogicalClock())
        verifier = TokenVerifier(Issuer().fetch_keys, issuer=settings.issuer, audience="forum")
        replicas = Replicas(home, settings.neighbours)
        consumers.subscribe(bus, settings, home, replicas, Writers(), verifier, _nothing)
        began = time.perf_counter()
        gone = await rebuild(bus.consumers["forum.replicas"], bus.sessions, settings.kafka, _nothing, _tell)
        took = time.perf_counter() - began
    finally:
        await engine.dispose()
    async with service.connected() as database:
        there = await database.fetchval("SELECT count(*) FROM posts WHERE version > 0")
        replies = await database.fetchval("SELECT sum(replies) FROM thread_activity")
        threads = await database.fetchval("SELECT count(*) FROM threads")
    assert (gone, there, replies + threads) == (0, posts, posts), (gone, there, replies, threads)
    return took / posts


def _nothing() -> None:
    """Nobody has to know."""


def _tell(topic: str, done: int, of: int) -> None:
    under_way(f"rebuild, {topic}, {done:,} of {of:,}")


async def measure(engines: Engines, *, posts: tuple[int, ...] = (MANY,), rounds: int = 3) -> list[Result]:
    """One line for each size in `posts`; each rebuild into a database of its own."""
    sizes = (FEW, *posts)
    kafka = await fresh_topics(engines, *map(region_with, sizes))
    for size in sizes:
        under_way(f"publishing {size:,} posts")
        await publish(kafka, published(region_with(size), size), region_with(size))
    await a_rebuild(engines, FEW)
    return [await _line(engines, size, rounds) for size in posts]


async def _line(engines: Engines, posts: int, rounds: int) -> Result:
    line = replace(REBUILDING, name=REBUILDING.name.replace("50,000", f"{posts:,}"))
    result = await interleaved(
        line, lambda: a_rebuild(engines, posts), lambda: a_rebuild(engines, FEW), rounds=rounds
    )
    result.notes = f"{1 / statistics.median(result.ours):,.0f} posts a second, {1 / statistics.median(result.theirs):,.0f} at {FEW:,}"
    return result
