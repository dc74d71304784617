"""Sends outbox rows to Kafka, in order within each partition, and gives up in time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import DefaultPartitioner

from shared import clock, hlc
from shared.bus.broker import Producer, make_producer
from shared.contracts.envelope import Envelope
from shared.contracts.keep_alive import KEEP_ALIVE, key_of
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings
from shared.telemetry.logging import describe

PUBLISH_SECONDS = 15.0
Row = Mapping[str, Any]  # seq, event_id, topic, key, type, occurred_at, payload
Partition = tuple[str, int]

_partition_of = DefaultPartitioner()


class Publisher:
    """One service's producer, thrown away and made anew when a publish fails.

    Each new one is the only one of its service that Kafka hears from then on, so it is made by `take_over` alone,
    which tells the relay to look whether it still may.
    """

    def __init__(self, service: str, kafka: KafkaSettings) -> None:
        self.source = f"peercafe/{service}"
        self._service = service
        self._kafka = kafka
        self._producer: Producer | None = None
        self._logger = structlog.get_logger().bind(service=service)

    @property
    def connected(self) -> bool:
        """Whether there is a producer."""
        return self._producer is not None

    async def take_over(self) -> bool:
        """Have a producer; returns whether it is a new one. From then on Kafka hears no older one of this service.

        The caller must see that it holds the relay's lock after this and before it publishes: else a process that
        lost the lock could silence the one that has it and publish in its place. Where Kafka can't be reached there
        is none.
        """
        if self._producer is not None:
            return False
        name = f"{self._service}-relay"
        producer = make_producer(self._kafka, name, fence=name)
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await producer.start()
        except (KafkaError, OSError) as error:
            self._logger.error("Kafka can't be reached; rows wait", **describe(error))
            await producer.abandon()
            return False
        except BaseException:
            await producer.abandon()
            raise
        self._producer = producer
        return True

    async def publish(self, rows: Sequence[Row], blocked: set[Partition]) -> list[int]:
        """Send rows, given in the order of `seq`, and return the numbers of those that Kafka acknowledged.

        From each partition that is a prefix of its rows, so of each key's rows as well. A partition that
        fails is added to `blocked`; rows of blocked partitions are left out. Whatever fails, it returns
        within about PUBLISH_SECONDS for the topics and as many for the rows, and what was given up isn't
        sent later, nor taken from the network once something newer is there. Raises KafkaConnectionError where
        there is no producer: `take_over` first.
        """
        producer = self._producer
        if producer is None:
            raise KafkaConnectionError("there is no producer")
        parts = await self._parts(producer, rows, blocked)
        sent = await asyncio.gather(
            *(self._send_part(producer, part, part_rows) for part, part_rows in parts.items())
        )
        acknowledged: list[int] = []
        failed = False
        for (part, part_rows), count in zip(parts.items(), sent, strict=True):
            acknowledged += [row["seq"] for row in part_rows[:count]]
            if count < len(part_rows):
                blocked.add(part)
                failed = True
        if failed:
            await self.abandon()
        return acknowledged

    async def keep_alive(self, topic: Topic) -> None:
        """Append a record that says nothing to every partition, at the real time; of a copy where there is one.

        Raises KafkaError, OSError or TimeoutError.
        """
        if self._producer is None:
            raise KafkaConnectionError("there is no producer")
        producer = self._producer
        async with asyncio.timeout(PUBLISH_SECONDS):
            if topic.origin is not None and not await _is_there(producer, topic):
                return
            partitions = await producer.partitions_for(topic.name)
            at = clock.now()
            headers = headers_of(uuid4(), KEEP_ALIVE, self.source, at)
            for partition in partitions:
                await producer.send_and_wait(
                    topic.name,
                    b"{}",
                    key=key_of(partition).encode(),
                    partition=partition,
                    timestamp_ms=hlc.milliseconds(at),
                    headers=headers,
                )

    async def abandon(self) -> None:
        """Close the producer; nothing it holds is sent any more."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.abandon()

    async def _parts(
        self, producer: Producer, rows: Iterable[Row], blocked: set[Partition]
    ) -> dict[Partition, list[Row]]:
        parts: defaultdict[Partition, list[Row]] = defaultdict(list)
        partitions: dict[str, list[int]] = {}
        for row in rows:
            topic = row["topic"]
            if topic not in partitions:
                partitions[topic] = [] if (topic, -1) in blocked else await self._partitions(producer, topic)
            if not partitions[topic]:
                blocked.add((topic, -1))
                continue
            part = topic, _partition_of(row["key"].encode(), partitions[topic], partitions[topic])
            if part not in blocked:
                parts[part].append(row)
        return parts

    async def _partitions(self, producer: Producer, topic: str) -> list[int]:
        """The topic's partitions, or none where it isn't there: its rows wait, other topics' don't."""
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                return sorted(await producer.partitions_for(topic))
        except (KafkaError, TimeoutError) as error:
            self._logger.error("a topic can't be published to; its rows wait", topic=topic, **describe(error))
            return []

    async def _send_part(self, producer: Producer, part: Partition, rows: Sequence[Row]) -> int:
        """How many of the rows Kafka has acknowledged, counted from the first."""
        topic, partition = part
        done = 0
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                while done < len(rows):
                    batch, end = producer.create_batch(), done
                    while end < len(rows) and self._append(batch, rows[end]):
                        end += 1
                    await (await producer.send_batch(batch, topic, partition=partition))
                    done = end
        except (KafkaError, TimeoutError) as error:
            self._logger.error("rows couldn't be published; they wait", topic=topic, **describe(error))
        return done

    def _append(self, batch: Any, row: Row) -> bool:
        added = batch.append(
            key=row["key"].encode(),
            value=row["payload"],
            timestamp=hlc.milliseconds(row["occurred_at"]),
            headers=headers_of(row["event_id"], row["type"], self.source, row["occurred_at"]),
        )
        return added is not None


async def _is_there(producer: Producer, topic: Topic) -> bool:
    """Asked so that nothing waits for it: rows do meanwhile."""
    return topic.name in (await producer.client.fetch_all_metadata()).topics()


def headers_of(event_id: UUID, type_: str, source: str, time: datetime) -> list[tuple[str, bytes]]:
    """The envelope, as the only headers of a record."""
    return Envelope(event_id, type_, source, time).headers()
