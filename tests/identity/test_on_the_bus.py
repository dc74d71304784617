"""Identity as it runs, with relay and consumers: it hears of communities, and tells services who left."""

import asyncio
import json
from uuid import uuid4

from joserfc.jwk import OKPKey

from services.identity.settings import Settings
from shared import clock
from shared.bus.broker import make_consumer, make_producer
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.events import CommunityRecorded
from shared.contracts.topics import COMMUNITIES, IDENTITY_AUDIENCES
from shared.hlc import version_at
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.identity.conftest import PASSPHRASE, Identity, running

PATIENCE = 60.0  # seconds


async def told(identity: Identity, topic: str, key: str) -> dict[str, object]:
    """The first record under `key`, waited for."""
    consumer = make_consumer(identity.settings.kafka, "test")
    consumer.subscribe([topic])
    await consumer.start()
    try:
        async with asyncio.timeout(PATIENCE):
            async for record in consumer:
                if record.key == key.encode():
                    said: dict[str, object] = json.loads(record.value)
                    return said
    finally:
        await consumer.stop()
    raise AssertionError


async def test_a_community_told_by_events_can_be_invited_to_and_leaving_is_told_to_the_forum(
    engines: Engines, settings: Settings, web_key: OKPKey
) -> None:
    await engines.topics_applied()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    on_the_bus = settings.model_copy(update={"kafka": kafka, "relay": True, "consumers": True})
    community = CommunityRecorded(id=uuid4(), home="north", version=version_at(clock.now()), name="Fjordby")
    producer = make_producer(kafka, "test")
    await producer.start()
    try:
        await producer.send_and_wait(
            COMMUNITIES.name,
            community.model_dump_json().encode(),
            str(community.id).encode(),
            headers=Envelope(uuid4(), community.type, "peercafe/events", clock.now()).headers(),
        )
    finally:
        await producer.stop()

    async with running(on_the_bus, web_key) as identity:
        operator = await identity.joined("operator")
        async with asyncio.timeout(PATIENCE):
            while (made := await operator.invite("member", [community.id])).status_code == 422:
                assert made.json()["type"] == "/problems/community-unknown"
                await asyncio.sleep(0.05)
        assert made.status_code == 201
        assert (await identity.client.get("/health/ready")).status_code == 200

        person = await identity.joined("member", [community.id])
        alias = (await person.claims("forum"))["sub"]
        await person.call("POST", "/me/erasure", {"passphrase": PASSPHRASE})
        said = await told(identity, IDENTITY_AUDIENCES["forum"].name, alias)
        assert said["erased"] is True
        assert said["role"] is None
