"""How a batch is handled: good records stored, bad ones set aside, everything else tried again for ever."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition
from faststream.kafka import KafkaMessage

from shared.bus.halving import Store, store_or_halve
from shared.bus.progress import Progress
from shared.bus.reading import Raw, Refused, Source, read_all
from shared.bus.records import Received
from shared.telemetry.logging import describe

DRAIN_SECONDS = 45.0  # less than the rebalance timeout
# In a row: until then a record that outlasts a transaction by itself may do so because the database is busy.
PATIENT_ATTEMPTS = 8


class Undertaker(Protocol):
    """Takes dead letters; raises when it can't."""

    async def bury(self, consumer: str, refused: Sequence[Refused]) -> None: ...


class Consumer:
    """One consumer group of a service: its topics, what it does with a batch, and how it gets on."""

    def __init__(
        self, group: str, sources: Mapping[str, Source], store: Store, dead_letters: Undertaker, service: str
    ) -> None:
        self.group = group
        self.sources = sources
        self._topics = {source.topic.name: source.topic for source in sources.values()}
        self.progress = Progress()
        self.refused = Counter[tuple[str, str]]()  # records set aside, by topic and reason
        self.duplicates = 0  # facts that came again
        self._store_batch = store
        self._dead_letters = dead_letters
        self._hurry = asyncio.Event()
        self._logger = structlog.get_logger().bind(service=service, consumer=group)

    async def handle(self, records: tuple[Raw, ...]) -> None:
        """FastStream's handler: a return acks the batch, an exception nacks it; cancellation does neither.

        What can be stored is stored before anything is buried, so that a batch that is tried again buries
        nothing twice; storing twice has no effect (inbox, versions).
        """
        self.progress.began()
        try:
            refused = await self.store(records)
            if refused:
                await self._dead_letters.bury(self.group, refused)
                self.refused.update((one.record.topic, one.error) for one in refused)
                self._logger.warning("records were set aside", count=len(refused), error=refused[0].error)
            self.progress.succeeded()
        except Exception as error:
            seconds = self.progress.failed()
            self._logger.error(
                "a batch failed and is tried again",
                attempt=self.progress.failures,
                seconds=seconds,
                **describe(error),
            )
            await self._pause(seconds)
            raise
        finally:
            self.progress.ended()

    async def store(self, records: Sequence[Raw]) -> list[Refused]:
        """Store what is valid and return what isn't. Raises whatever isn't the records' own fault."""
        received, refused = read_all(records, self.sources)
        patient = self.progress.failures < PATIENT_ATTEMPTS
        for one, error in await store_or_halve(self._store, received, patient=patient):
            source = Source(self._topics[one.topic], one.origin)
            place = source.name, one.partition, one.offset
            raw = next(r for r in records if (r.topic, r.partition, r.offset) == place)
            refused.append(Refused(raw, source.topic, error))
        return refused

    async def _store(self, received: list[Received[Any]]) -> None:
        try:
            await self._store_batch(received)
        finally:
            self.progress.moved()

    def hurry(self) -> None:
        """End a pause between attempts: the consumer stops, or loses its partitions."""
        self._hurry.set()

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)


async def parse(records: tuple[Raw, ...], original: Callable[[Any], Awaitable[KafkaMessage]]) -> KafkaMessage:
    """FastStream's parser, kept away from the records: a null or non-UTF-8 header drops a whole batch there.

    It sees only the first and the last record, emptied, by which it names the batch.
    """
    ends = (records[0], records[-1])
    message = await original(tuple(replace(end, key=None, value=None, headers=()) for end in ends))
    message.raw_message = records
    message.body = b""
    return message


async def decode(message: KafkaMessage) -> Any:
    """Hands the raw records on. Async: FastStream runs a sync decoder in a thread, at four times the cost."""
    return message.raw_message


class Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """Before partitions go to another process, lets the batch in hand end and its commit arrive.

    A static member that comes back is given what its predecessor had, also when it asks for other topics now (a new
    neighbour's, or a new release's): Kafka deals out anew only when its leader joins once more.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._is_settled = False
        self.subscriber: Any = None  # FastStream's, made after its listener

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Waits at most DRAIN_SECONDS and COMMIT_SECONDS."""
        self._consumer.hurry()
        if revoked and self.subscriber is not None:
            await self.subscriber.lock.wait_release(DRAIN_SECONDS)
            if self.subscriber.consumer is not None:
                await self.subscriber.consumer.settle()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Positions come from the committed offsets; the first time, join again where this isn't what was asked for."""
        topics = {place.topic for place in assigned}
        if not self._is_settled and self.subscriber is not None and topics != self._consumer.sources.keys():
            self.subscriber.consumer.join_again()
        self._is_settled = True
