"""Publishes dead letters: with a timeout, or not at all."""

import asyncio
from collections.abc import Sequence

from shared import clock
from shared.bus.broker import Producer, make_producer
from shared.bus.dead_letters import destination, fits_a_letter, letter_of
from shared.bus.reading import Refused
from shared.hlc import milliseconds
from shared.settings import KafkaSettings

BURY_SECONDS = 10.0


class DeadLetters:
    """Publishes dead letters of one service. Its producer is made with the first one."""

    def __init__(self, kafka: KafkaSettings, service: str) -> None:
        self._kafka = kafka
        self._service = service
        self._producer: Producer | None = None
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

    async def _send(self, producer: Producer, consumer: str, refused: Refused) -> "asyncio.Future[object]":
        record = refused.record
        future: asyncio.Future[object] = await producer.send(
            destination(self._service, refused.topic).name,
            letter_of(consumer, refused).model_dump_json().encode(),
            key=record.key if fits_a_letter(record) else None,
            # Already cut; our own clock would tell when the record came. But Kafka takes nothing from the future, and a
            # letter that it refuses would hold up the partition.
            timestamp_ms=min(record.timestamp, milliseconds(clock.now())),
        )
        return future

    async def _started(self) -> Producer:
        if self._producer is None:
            producer = make_producer(self._kafka, f"{self._service}-dead-letters")
            self._producer = producer
            await producer.start()
        return self._producer

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.abandon()

    async def close(self) -> None:
        """Stop the producer, if there is one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
