"""Records that are themselves at fault wait on `dlq.<service>` until an upgrade can read them (DESIGN §3)."""

import asyncio
import base64
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from pydantic import BaseModel, ConfigDict

from shared.bus.broker import abandon, make_producer
from shared.bus.reading import Refused
from shared.contracts.topics import DEAD_LETTERS, Topic
from shared.settings import KafkaSettings

BURY_SECONDS = 10.0


class DeadLetter(BaseModel):
    """Where a refused record stands, whose consumer refused it and why. Bytes are base64.

    Body and headers are None for topics that carry what members wrote.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    consumer: str
    topic: str
    partition: int
    offset: int
    error: str
    key: str | None = None
    body: str | None = None
    headers: tuple[tuple[str, str | None], ...] | None = None


def destination(service: str, topic: Topic) -> Topic:
    """Identity keeps the dead letters of each source apart: together they would join aliases."""
    return DEAD_LETTERS.get(service) or DEAD_LETTERS[f"{service}.{topic.publisher}"]


def encoded(value: bytes | None) -> str | None:
    """Base64, or None."""
    return None if value is None else base64.b64encode(value).decode()


def letter_of(consumer: str, refused: Refused) -> DeadLetter:
    """What is kept of a refused record."""
    record = refused.record
    kept = not refused.topic.text
    return DeadLetter(
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        error=refused.error,
        key=encoded(record.key),
        body=encoded(record.value) if kept else None,
        headers=tuple((name, encoded(value)) for name, value in record.headers) if kept else None,
    )


class DeadLetters:
    """Publishes dead letters of one service. Its producer is made with the first one."""

    def __init__(self, kafka: KafkaSettings, service: str) -> None:
        self._kafka = kafka
        self._service = service
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def bury(self, consumer: str, refused: Sequence[Refused]) -> None:
        """Publish the records' dead letters, in ten seconds or not at all: then it raises."""
        async with self._lock:
            try:
                async with asyncio.timeout(BURY_SECONDS):
                    producer = await self._started()
                    sent = [await self._send(producer, consumer, one) for one in refused]
                    await asyncio.gather(*sent)
            except BaseException:
                await self._drop()
                raise

    async def _send(
        self, producer: AIOKafkaProducer, consumer: str, refused: Refused
    ) -> "asyncio.Future[object]":
        record = refused.record
        future: asyncio.Future[object] = await producer.send(
            destination(self._service, refused.topic).name,
            letter_of(consumer, refused).model_dump_json().encode(),
            key=record.key,
            timestamp_ms=record.timestamp,  # already cut; our own clock would tell when the record came
        )
        return future

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._kafka, f"{self._service}-dead-letters")
            self._producer = producer
            await producer.start()
        return self._producer

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)

    async def close(self) -> None:
        """Stop the producer, if there is one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
