"""Records in Kafka as our relay publishes them."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from uuid import uuid4

from shared.bus.broker import BATCH, make_producer
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.payload import Payload
from shared.settings import KafkaSettings

AT = datetime(2026, 11, 1, tzinfo=UTC)

Keyed = tuple[str, str, Payload]  # topic's name, key, payload


async def put(kafka: KafkaSettings, records: Iterable[Keyed]) -> None:
    """Send them in their order, each with an envelope and an id of its own."""
    producer, waiting = make_producer(kafka, "benchmark"), iter(records)
    await producer.start()
    try:
        while some := list(islice(waiting, BATCH)):
            sent = [
                await producer.send(
                    topic,
                    payload.model_dump_json().encode(),
                    key=key.encode(),
                    headers=Envelope(uuid4(), payload.type, "peercafe/forum", AT).headers(),
                )
                for topic, key, payload in some
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
