"""A link between two Kafkas by real MirrorMaker, over a network that takes 100 ms each way and over the same without delay.

North pulls south's posts. They wait behind a network that lets nothing through, and then all come: from the first that is
there to the last. So it is the link that is measured, not who writes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import asyncpg
from aiokafka.structs import TopicPartition

from benchmarks.forum_alone import forum_alone
from benchmarks.lines import Line, Result, interleaved
from benchmarks.neighbour import SOUTH, fresh_topics, posts_of, publish, published
from benchmarks.progress import under_way
from deploy.embedded import jars
from deploy.embedded.kafka import Kafka
from deploy.embedded.mirror_maker import MirrorMaker
from deploy.embedded.ports import free_port
from deploy.federation.admitting import admit
from deploy.federation.neighbours import Doorway, Neighbour
from deploy.kafka.topics import apply
from shared.bus.broker import TopicConsumer, make_consumer
from shared.contracts.topics import CATALOGUE, POSTS
from shared.settings import KafkaSettings
from tests.engines import Embedded, Engines
from tests.federation.proxy import Proxy

NORTH, PASSWORD = "north", "for benchmarks"
ONE_WAY = 0.1  # seconds
RECORDS, READABLE = 30_000, 10_000
PATIENCE = 120.0
LEMMY = 5.5  # activities a second for each peer, at such a distance: 5 to 6

LINK = Line(
    "posts over a link with a round trip of 200 ms",
    "the same link without delay",
    0.5,
    0.9,
)


@dataclass
class Link:
    """South's Kafka behind a network, and what has come of its posts into north's."""

    network: Proxy
    south: KafkaSettings
    north: TopicConsumer
    places: list[TopicPartition] = field(default_factory=list)

    async def come(self) -> int:
        """How many of south's posts north's Kafka has."""
        return sum((await self.north.end_offsets(self.places)).values())

    async def over(self, seconds: float, posts: int) -> float:
        """Posts a second when bytes take so long each way."""
        before = await self.come()
        self.network.cut(silently=True)
        await publish(self.south, posts_of(SOUTH, posts))
        self.network.delay(seconds)
        self.network.heal()
        return await rate_of(self.come, before, before + posts)


async def rate_of(come: Callable[[], Awaitable[int]], before: int, all_of: int) -> float:
    """How many a second, from the first that are there to the last; where all come at once, from now on."""
    first, since = before, time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        while (there := await come()) < all_of:
            if first == before < there:
                first, since = there, time.perf_counter()
            await asyncio.sleep(0.01)
    return (all_of - first) / (time.perf_counter() - since)


@asynccontextmanager
async def linked(engines: Engines) -> AsyncIterator[Link]:
    """A Kafka and a MirrorMaker of their own, beside the Kafka of `engines`, which is north's."""
    north = await fresh_topics(engines, SOUTH)
    async with AsyncExitStack() as ends:
        home = Embedded()
        ends.callback(home.close)
        port = free_port()
        network = ends.enter_context(Proxy("127.0.0.1", port))
        kafka = Kafka(
            home=home.home, register=home.register, jars=jars.fetch(),
            doorway=Doorway("127.0.0.1", port, network.place),
        )  # fmt: skip
        home.started.append(kafka)
        await asyncio.to_thread(kafka.start)
        south = KafkaSettings(bootstrap_servers=kafka.bootstrap)
        await apply(south, CATALOGUE)
        await admit(south, {NORTH: PASSWORD})
        mirror = MirrorMaker(
            home=home.home, register=home.register, jars=jars.fetch(), region=NORTH,
            bootstrap=north.bootstrap_servers, neighbours=[Neighbour(SOUTH, network.place, PASSWORD)],
        )  # fmt: skip
        home.started.append(mirror)
        mirror.start()
        consumer = make_consumer(north, "benchmark")
        await consumer.start()
        ends.push_async_callback(consumer.stop)
        link = Link(network, south, consumer)
        link.places = await consumer.partitions(POSTS.mirrored_from(SOUTH).name)
        yield link


class Reader:
    """How many of south's posts can be read in north's forum."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def come(self) -> int:
        """All that are counted and announced."""
        asked = "SELECT count(*) FROM posts WHERE announced_at IS NOT NULL"
        return int(await self._connection.fetchval(asked))


async def readable(engines: Engines, link: Link) -> float:
    """Posts a second from one Kafka over the long way into the other region's forum."""
    async with forum_alone(engines, threads=0, env={"NEIGHBOURS": f'["{SOUTH}"]'}) as forum:
        connection = await asyncpg.connect(forum.dsn)
        try:
            reader = Reader(connection)
            await publish(link.south, posts_of(SOUTH, 1))
            async with asyncio.timeout(PATIENCE):
                while not await reader.come():
                    await asyncio.sleep(0.1)
            link.network.cut(silently=True)
            await publish(link.south, published(SOUTH, READABLE))
            link.network.delay(ONE_WAY)
            link.network.heal()
            return await rate_of(reader.come, 1, 1 + READABLE)
        finally:
            await connection.close()


async def measure(engines: Engines) -> list[Result]:
    """The line, and beside it how fast posts from afar can be read."""
    async with linked(engines) as link:
        under_way("posts that can be read in the other region")
        read = await readable(engines, link)
        under_way("posts over the link")
        await link.over(0, RECORDS)
        result = await interleaved(LINK, lambda: link.over(ONE_WAY, RECORDS), lambda: link.over(0, RECORDS))
    passed = median(result.ours)
    result.notes = (
        f"{passed:,.0f} posts a second over the link ({median(result.theirs):,.0f} without delay), {read:,.0f} until they "
        f"can be read in the other region: {passed / LEMMY:,.0f} and {read / LEMMY:,.0f} times Lemmy's 5 to 6 activities a "
        "second for each peer at that distance"
    )
    return [result]
