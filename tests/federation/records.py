"""What stands in both regions' topics, and whether anything goes round."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.structs import TopicPartition

from deploy.federation.neighbours import mirrored_topics
from shared.bus.broker import TopicConsumer, make_admin, make_consumer
from shared.bus.reading import Raw
from shared.contracts.topics import CATALOGUE, DIGESTS, Topic
from shared.settings import KafkaSettings
from tests.federation.agreeing import compared_once_more
from tests.federation.regions import Pair, kafka_of, other_than
from tests.region.running import RunningRegion

KAFKAS_OWN = re.compile(r"__.*")
MIRROR_MAKERS_OWN = re.compile(r"mm2-[a-z-]+\.[a-z]+\.internal|heartbeats")
Offsets = dict[TopicPartition, int]
SHARED = tuple(topic for topic in CATALOGUE if topic.mirrored)


async def topics_of(kafka: KafkaSettings) -> set[str]:
    """All topics there but Kafka's and MirrorMaker's own."""
    return {
        name
        for name in await all_topics(kafka)
        if not (KAFKAS_OWN.fullmatch(name) or MIRROR_MAKERS_OWN.fullmatch(name))
    }


async def all_topics(kafka: KafkaSettings) -> list[str]:
    """Names, sorted."""
    admin = make_admin(kafka, "test")
    try:
        await admin.start()
        return sorted(await admin.list_topics())
    finally:
        await admin.close()


async def everything_on(kafka: KafkaSettings, topics: Iterable[str]) -> dict[str, list[Raw]]:
    """All records up to the present ends. One reading of all, because a reading of nothing takes half a second."""
    found = dict[str, list[Raw]]()
    async with _places(kafka, topics) as (consumer, starts, ends):
        left = {place for place in starts if starts[place] < ends[place]}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, starts[place])
        while left:
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                found.setdefault(place.topic, []).extend(batch)
            left = {place for place in left if await consumer.position(place) < ends[place]}
    return found


async def said_in(region: RunningRegion, topics: Iterable[Topic]) -> dict[str, dict[str, dict[str, Any]]]:
    """By topic and key what the last record says; keep-alives say nothing."""
    found: dict[str, dict[str, dict[str, Any]]] = {topic.name: {} for topic in topics}
    for topic, records in (await everything_on(kafka_of(region), found)).items():
        for record in records:
            said = json.loads(record.value)
            if "home" in said:
                found[topic][record.key.decode()] = said
    return found


async def ends(pair: Pair) -> dict[tuple[str, str], int]:
    """How many records were ever put into each shared topic and each copy; digests apart, which go on."""
    found = Counter[tuple[str, str]]()
    for name, region in pair.regions.items():
        kept = (*SHARED, *mirrored_topics([other_than(name)]))
        names = [topic.name for topic in kept if not topic.name.endswith(DIGESTS.name)]
        async with _places(kafka_of(region), names) as (_, _, ends):
            for place, end in ends.items():
                found[name, place.topic] += end
    return found


@asynccontextmanager
async def _places(
    kafka: KafkaSettings, topics: Iterable[str]
) -> AsyncIterator[tuple[TopicConsumer, Offsets, Offsets]]:
    """A consumer, and of each of the topics' partitions the first and the next offset."""
    consumer = make_consumer(kafka, "test")
    try:
        await consumer.start()
        places = [place for topic in topics for place in await consumer.partitions(topic)]
        yield consumer, await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    finally:
        await consumer.stop()


async def nothing_went_round(pair: Pair) -> None:
    """Each region's topics have its own records alone, each copy the other's; there are no copies of copies."""
    for name, region in pair.regions.items():
        other = other_than(name)
        assert await topics_of(kafka_of(region)) == {
            topic.name for topic in (*CATALOGUE, *mirrored_topics([other]))
        }
        own = await said_in(region, SHARED)
        assert {said["home"] for records in own.values() for said in records.values()} == {name}
        told = [topic for topic in SHARED if topic is not DIGESTS]
        copies = await said_in(pair.regions[other], [topic.mirrored_from(name) for topic in told])
        assert copies == {f"{name}.{topic.name}": own[topic.name] for topic in told}


async def stands_still(pair: Pair) -> bool:
    """Whether nothing was put anywhere while each bucket was compared once more."""
    before = await ends(pair)
    await compared_once_more(pair)
    return await ends(pair) == before
