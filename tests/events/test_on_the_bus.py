"""Events as it runs: its outbox reaches Kafka bearing days only, and identity's words reach it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from shared.contracts.envelope import Envelope
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.payloads.identity import AudienceAlias
from tests.engines import Engines
from tests.events.conftest import Events, about

SWITCHBOARD = ("local.activity.events.v1", "local.notices.requested.events.v1")
STATES = ("local.events.communities.v1", "local.events.gatherings.v1")
PATIENCE = 60.0  # seconds
TYPE = "ce_type"


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    """What `true` returns once it is something; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if found := await true():
                return found
            await asyncio.sleep(0.02)


async def read(engines: Engines, count: int, *topics: str) -> list[ConsumerRecord[bytes, bytes]]:
    """The first `count` records on these topics, keep-alives left out."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=engines.kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                batches = await consumer.getmany(timeout_ms=200)
                found += [
                    r
                    for batch in batches.values()
                    for r in batch
                    if (TYPE, KEEP_ALIVE.encode()) not in r.headers
                ]
    finally:
        await consumer.stop()
    return found


async def test_what_is_published_bears_the_day_and_names_no_person(
    on_the_bus: Events, engines: Engines
) -> None:
    town = await on_the_bus.community("Fjordby")
    kari, member = on_the_bus.person("consultant", town), on_the_bus.member(town)
    now = datetime.now(UTC)
    [cafe] = await kari.plan(starts=now.strftime("%Y-%m-%dT%H:%M"), zone="UTC")
    await member.answer(cafe, "come")
    await member.check_in(cafe, await kari.code(cafe))
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 3}, 204)

    records = await read(engines, 6, *SWITCHBOARD, *STATES)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for record in records:
        headers = dict(record.headers)
        assert Envelope.read(headers).time == midnight
        assert record.timestamp == midnight.timestamp() * 1000
        assert set(headers) == {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"}
        if record.topic in STATES:
            assert str(member.alias) not in f"{record.key!r}{record.value!r}"
    bodies = {
        topic: [json.loads(r.value or b"") for r in records if r.topic == topic]
        for topic in (*SWITCHBOARD, *STATES)
    }
    assert bodies["local.activity.events.v1"] == [{"day": str(now.date())}]
    assert bodies["local.notices.requested.events.v1"] == [{"category": "cafes"}] * 2
    assert [body["head_count"] for body in bodies["local.events.gatherings.v1"]] == [None, 3]
    assert [body["name"] for body in bodies["local.events.communities.v1"]] == ["Fjordby"]

    async def outbox_is_empty() -> bool:
        return not await on_the_bus.rows("SELECT seq FROM outbox")

    await until(outbox_is_empty)
    sent = {row["topic"] for row in await on_the_bus.rows("SELECT DISTINCT topic FROM outbox_sent")}
    assert sent == set(STATES), "nothing stays of what goes to the switchboard"


async def test_identitys_words_arrive(on_the_bus: Events, engines: Engines) -> None:
    town = await on_the_bus.community()
    kari, member = on_the_bus.person("consultant", town), on_the_bus.member(town)
    [cafe] = await kari.plan(
        starts=(datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M"), zone="UTC"
    )
    await member.answer(cafe, "come")
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka)
    await producer.start()
    try:
        said = about(member.alias, erased=True, erasure_id=uuid4())
        envelope = Envelope(uuid4(), AudienceAlias.type, "peercafe/identity", datetime.now(UTC))
        await producer.send_and_wait(
            "local.identity.events.v1",
            said.model_dump_json().encode(),
            str(said.id).encode(),
            headers=envelope.headers(),
        )
    finally:
        await producer.stop()

    async def is_erased() -> bool:
        return not await on_the_bus.rows("SELECT alias FROM answers")

    await until(is_erased)
    assert (await member.call("GET", "/gatherings")).status_code == 403
    for path in ("/health/live", "/health/ready"):
        assert (await on_the_bus.client.get(path)).status_code == 200
