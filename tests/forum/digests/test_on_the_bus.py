"""One region with its own Kafka, and a neighbour of which there are only mirrored topics."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from deploy.kafka.topics import apply
from services.forum.rules.buckets import bucket_of
from services.forum.rules.digests import sum_of
from shared import clock
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.forum import DigestSummed
from shared.contracts.topics import CATALOGUE, DIGESTS, POSTS, Topic
from shared.hlc import version_at
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.forum.conftest import running, settings_for
from tests.forum.people import Place, until
from tests.tokens import Issuer

LABELS = ("region", "topic", "state", "reason")


@pytest.fixture
async def north(engines: Engines) -> AsyncIterator[Place]:
    await engines.fresh_kafka_topics()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    await apply(kafka, [topic.mirrored_from("south") for topic in CATALOGUE if topic.mirrored])
    issuer = Issuer()
    settings = await settings_for(
        engines, relay=True, consumers=True, kafka=kafka, neighbours=("south",), digests_seconds=0.2,
        digests_anyway_seconds=0.6, metrics_seconds=0.1,
    )  # fmt: skip
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        yield place


class South:
    """Publishes digests as MirrorMaker would bring them."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def tells(self, **said: Any) -> None:
        digest = DigestSummed(
            **({"home": "south", "version": version_at(clock.now()), "about": "north"} | said)
        )
        envelope = Envelope(uuid4(), digest.type, "peercafe/forum", clock.now())
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(
                f"south.{DIGESTS.name}", digest.model_dump_json().encode(), digest.id.encode(),
                headers=envelope.headers(),
            )  # fmt: skip
        finally:
            await producer.stop()


async def metrics(place: Place) -> dict[tuple[str, ...], float]:
    """All samples of federation by name and LABELS."""
    transport = httpx.ASGITransport(place.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://forum") as client:
        said = (await client.get("/metrics")).text
    return {
        (sample.name, *(sample.labels[label] for label in LABELS if label in sample.labels)): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
        if sample.name.startswith("peercafe_federation_")
    }


async def test_digests_go_out_by_kafka_and_a_neighbour_that_lacks_something_gets_the_bucket_again(
    north: Place,
) -> None:
    ada = await north.member("Ada")
    await ada.opens()
    [opening] = await north.rows("SELECT id, version FROM posts")
    bucket = bucket_of("posts", opening["id"])
    id_ = f"south:north:posts:{bucket}"
    south = South(north.settings.kafka.bootstrap_servers)
    bootstrap = north.settings.kafka.bootstrap_servers
    whole = sum_of([(opening["id"], opening["version"])])
    mine = f"north:north:posts:{bucket}"
    told = await first_of(bootstrap, DIGESTS, mine, lambda digest: int(digest["sum"], 16) == whole)
    assert told["until"] > opening["version"]

    topic = ("south", POSTS.name)
    lacking: dict[str, Any] = {"id": id_, "kind": "posts", "bucket": bucket, "until": told["until"]}
    for number in (1, 2, 3):

        async def tell() -> int:
            await south.tells(sum="0" * 16, **lacking)
            return await found_differences(north)

        await until(tell, number.__le__)
    again = await first_of(bootstrap, POSTS, str(opening["id"]), lambda _: True, skip=1)
    assert again["version"] == opening["version"]
    repaired = "peercafe_federation_repaired_buckets_total"
    said = await until(lambda: metrics(north), lambda said: said.get((repaired, *topic), 0) >= 1)
    assert said["peercafe_federation_buckets", *topic, "different"] == 1

    await south.tells(sum=f"{whole:016x}", **lacking)
    same = ("peercafe_federation_buckets", *topic, "same")
    said = await until(lambda: metrics(north), lambda said: said.get(same) == 1)
    assert said["peercafe_federation_buckets", *topic, "different"] == 0
    assert said["peercafe_federation_compared_age_seconds", *topic] < 60


async def test_forged_digests_are_refused_and_counted(north: Place) -> None:
    south = South(north.settings.kafka.bootstrap_servers)
    common: dict[str, Any] = {"kind": "posts", "bucket": 2900, "until": 1, "sum": "0" * 16}
    await south.tells(id="north:north:posts:2900", home="north", **common)
    await south.tells(id="south:north:posts:2901", **common)
    name = "peercafe_federation_refused_records_total"
    said = await until(
        lambda: metrics(north),
        lambda said: {key[3] for key in said if key[0] == name} == {"home", "id"},
    )
    assert {key[1:3] for key in said if key[0] == name} == {("south", DIGESTS.name)}
    assert await north.rows("SELECT * FROM digest_comparisons") == []
    assert len(await north.rows("SELECT FROM security_log WHERE event LIKE 'record-refused-%'")) == 2


async def found_differences(place: Place) -> int:
    """The third counts as a repair."""
    rows = await place.rows("SELECT differences + 3 * repairs AS found FROM digest_comparisons")
    return int(rows[0]["found"]) if rows else 0


async def first_of(
    bootstrap: str, topic: Topic, key: str, good: Callable[[dict[str, Any]], bool], *, skip: int = 0
) -> dict[str, Any]:
    """The first good record of a key on a topic, after `skip` others."""
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        while True:
            record = await asyncio.wait_for(consumer.getone(), 20)
            said: dict[str, Any] = json.loads(record.value)
            if record.key == key.encode() and good(said):
                if not skip:
                    return said
                skip -= 1
    finally:
        await consumer.stop()
