"""What stands in both regions' topics, and whether anything goes round."""

import json
import re
from typing import Any

from deploy.federation.neighbours import mirrored_topics
from shared.bus.broker import make_admin
from shared.bus.reader import reading
from shared.contracts.topics import CATALOGUE, DIGESTS, Topic
from shared.settings import KafkaSettings
from tests.federation.agreeing import compared_once_more
from tests.federation.regions import Pair, kafka_of, other_than
from tests.region.running import RunningRegion

KAFKAS_OWN = re.compile(r"__.*")
MIRROR_MAKERS_OWN = re.compile(r"mm2-[a-z-]+\.[a-z]+\.internal|heartbeats")
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


async def said_in(region: RunningRegion, topic: Topic) -> dict[str, dict[str, Any]]:
    """By key what a topic's last record says; keep-alives say nothing."""
    found = {}
    async with reading(kafka_of(region)) as reader:
        async for record in reader.records(topic.name):
            said = json.loads(record.value)
            if "home" in said:
                found[record.key.decode()] = said
    return found


async def ends(pair: Pair) -> dict[tuple[str, str], int]:
    """How many records were ever put into each shared topic and each copy; digests apart, which go on."""
    found = {}
    for name, region in pair.regions.items():
        async with reading(kafka_of(region)) as reader:
            for topic in (*SHARED, *mirrored_topics([other_than(name)])):
                if not topic.name.endswith(DIGESTS.name):
                    found[name, topic.name] = await reader.size(topic.name)
    return found


async def nothing_went_round(pair: Pair) -> None:
    """Each region's topics have its own records alone, each copy the other's; there are no copies of copies."""
    for name, region in pair.regions.items():
        other = other_than(name)
        assert await topics_of(kafka_of(region)) == {
            topic.name for topic in (*CATALOGUE, *mirrored_topics([other]))
        }
        for topic in SHARED:
            own = await said_in(region, topic)
            assert {said["home"] for said in own.values()} <= {name}
            if topic is not DIGESTS:
                assert await said_in(pair.regions[other], topic.mirrored_from(name)) == own


async def stands_still(pair: Pair) -> bool:
    """Whether nothing was put anywhere while each bucket was compared once more."""
    before = await ends(pair)
    await compared_once_more(pair)
    return await ends(pair) == before
