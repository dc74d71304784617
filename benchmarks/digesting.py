"""What digests cost somebody who writes: nothing of them is done in the request, but it shares the machine."""

from contextlib import AsyncExitStack

from benchmarks import load
from benchmarks.forum_alone import ForumAlone, caught_up, forum_alone
from benchmarks.lines import Line, Measure, Result, interleaved
from deploy.kafka.topics import apply
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings
from tests.engines import Engines, running_engines

WITH = Line("create reply in a region with a neighbour and digests", "the same without", 0.95, 0.98)
WRITES, THREADS, MEMBERS = 1_500, 200, 50
# A round a second instead of a minute: one falls into every second that is measured.
DIGESTS = {"NEIGHBOURS": '["south"]', "DIGESTS_SECONDS": "1", "DIGESTS_ANYWAY_SECONDS": "10"}


def writing(alone: ForumAlone) -> Measure:
    """Replies a second over HTTP."""

    async def by_http() -> float:
        done = await load.run(alone.port, alone.replies(WRITES), expected=201)
        await caught_up(alone)
        return done.rate

    return by_http


async def measure(engines: Engines) -> list[Result]:
    """Two forums, each with engines of its own, since a Kafka has one forum; one is idle while the other is measured."""
    await engines.topics_applied()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    await apply(kafka, [topic.mirrored_from("south") for topic in CATALOGUE if topic.mirrored])
    async with AsyncExitStack() as ends:
        others = ends.enter_context(running_engines(durable=True))
        one, other = [
            await ends.enter_async_context(forum_alone(where, threads=THREADS, members=MEMBERS, env=env))
            for where, env in ((engines, DIGESTS), (others, {}))
        ]
        with_digests, without = writing(one), writing(other)
        for warm in (with_digests, without):
            await warm()
        return [await interleaved(WITH, with_digests, without, rounds=9)]
