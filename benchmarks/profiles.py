"""`python -m benchmarks.profiles`: where relay and consumers spend their time, as text beside docs/performance.md."""

import cProfile
import io
import pstats
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks import applying, consuming, relaying
from benchmarks.neighbour import SOUTH, fresh_topics, posts_of, publish
from benchmarks.service import service_on
from deploy.collector import settle
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import Kind
from tests.engines import Engines, running_engines

FOLDER = Path(__file__).parents[1] / "docs" / "performance"
SHOWN = 22
FOLDERS = re.compile(r"/\S*?/(?:site-packages|lib/python3\.\d+|(?=(?:shared|services|benchmarks)/))/?")


async def keep(name: str, what: str, work: Callable[[], Awaitable[float]]) -> None:
    """Profile `work` and write the functions with most time of their own."""
    await work()  # imports, caches and plans
    settle()  # as the lines do, and a region's process
    profile, text = cProfile.Profile(), io.StringIO()
    profile.enable()
    await work()
    profile.disable()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(SHOWN)
    lines = [FOLDERS.sub("", line).rstrip() for line in text.getvalue().splitlines() if line.strip()]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text("\n".join([what, *lines, ""]), "utf-8")


async def run(engines: Engines) -> None:
    """All of them."""
    service = await service_on(engines)
    topic = await service.topic(Kind.FACTS, PostPublished)
    rows = relaying.ROWS_OF_THE_OUTBOX_PEER
    await keep(
        "relay", f"The relay, {rows:,} rows of 600 bytes.", lambda: relaying.by_relay(service, topic, rows)
    )
    reading = await consuming.posts_on_a_topic(service)
    await keep(
        "consumer",
        f"A consumer without database, {consuming.RECORDS:,} posts of 600 bytes.",
        lambda: consuming.by_a_consumer_that_does_nothing(service, reading),
    )
    facts = await consuming.facts_on_a_topic(service)
    await keep(
        "projection",
        f"Inbox and upsert, {consuming.FACTS:,} facts over 2,000 keys.",
        lambda: consuming.by_projection(service, facts),
    )
    await publish(await fresh_topics(engines, SOUTH), posts_of(SOUTH, applying.RECORDS), SOUTH)

    async def into_a_new_database() -> float:
        return await applying.by_replicas(await service_on(engines))

    await keep(
        "applying", f"A neighbour's posts, {applying.RECORDS:,} of 330 characters.", into_a_new_database
    )


if __name__ == "__main__":
    with running_engines(durable=True) as running:
        uvloop.run(run(running))
