"""Notifications as it runs: notices and departures from Kafka, each once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared.contracts.envelope import Envelope
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.payloads.notices import NoticeAddressed, NoticeSettled
from shared.contracts.payloads.payload import Payload
from tests.engines import Engines
from tests.notifications.conftest import Notifications

PATIENCE = 60.0  # seconds
NOTICES, IDENTITY = "local.notices.addressed.v1", "local.identity.notifications.v1"


async def publish(engines: Engines, *records: tuple[str, UUID, Payload, UUID]) -> None:
    """(topic, key, payload, event id), in order."""
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka)
    await producer.start()
    try:
        for topic, key, payload, event_id in records:
            envelope = Envelope(event_id, payload.type, "peercafe/identity", datetime.now(UTC))
            body = payload.model_dump_json().encode()
            await producer.send_and_wait(topic, body, str(key).encode(), headers=envelope.headers())
    finally:
        await producer.stop()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Comes back once it is true; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await true():
                return
            await asyncio.sleep(0.02)


async def waits_for(service: Notifications, alias: UUID, expected: list[str]) -> None:
    async def as_expected() -> bool:
        return await service.waiting(alias) == expected

    await until(as_expected)


async def test_notices_raise_and_lower_flags_once_and_end_with_their_alias(
    on_the_bus: Notifications, engines: Engines
) -> None:
    alias, first = uuid4(), uuid4()
    cafes = NoticeAddressed(category="cafes")
    await publish(
        engines,
        (NOTICES, alias, cafes, first),
        (NOTICES, alias, NoticeAddressed(category="replies"), uuid4()),
    )
    await waits_for(on_the_bus, alias, ["cafes", "replies"])

    await publish(engines, (NOTICES, alias, NoticeSettled(category="cafes"), uuid4()))
    await waits_for(on_the_bus, alias, ["replies"])
    # The first notice comes again; what follows it shows that it was handled.
    await publish(
        engines, (NOTICES, alias, cafes, first), (NOTICES, alias, NoticeSettled(category="replies"), uuid4())
    )
    await waits_for(on_the_bus, alias, [])

    erased = AudienceAlias(id=alias, home="north", version=5, erased=True)
    await publish(engines, (IDENTITY, alias, erased, uuid4()))

    async def is_refused() -> bool:
        return (await on_the_bus.get("/waiting", alias)).status_code == 403

    await until(is_refused)
    other = uuid4()
    await publish(engines, (NOTICES, alias, cafes, uuid4()), (NOTICES, other, cafes, uuid4()))
    await waits_for(on_the_bus, other, ["cafes"])
    assert [row["alias"] for row in await on_the_bus.rows("SELECT alias FROM waiting")] == [other]
    for path in ("/health/live", "/health/ready"):
        assert (await on_the_bus.client.get(path)).status_code == 200
