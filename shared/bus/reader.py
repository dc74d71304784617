"""Reads a topic without a consumer group: to its present end, on and on, or one record by its place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.structs import TopicPartition

from shared.bus.broker import TopicConsumer, make_consumer
from shared.bus.reading import Raw
from shared.settings import KafkaSettings

POLL_MS = 500

Offsets = dict[TopicPartition, int]


class Reader:
    """One reading of topics; made by `reading`. Commits nothing, leaves no trace in Kafka."""

    def __init__(self, consumer: TopicConsumer) -> None:
        self._consumer = consumer

    async def records(self, topic: str, *, follow: bool = False) -> AsyncIterator[Raw]:
        """All records of a topic, in order within each partition, up to the end it has now.

        `follow` goes on with what comes after. Raises UnknownTopicOrPartitionError for a topic that isn't there.
        """
        places = await self._places(topic)
        starts, ends = await self._bounds(places)
        if not follow and starts == ends:
            return
        self._consumer.assign(places)
        for place in places:
            self._consumer.seek(place, starts[place])
        reached = dict(starts)
        while follow or any(reached[place] < ends[place] for place in places):
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            for place, batch in batches.items():
                for record in batch:
                    if follow or record.offset < ends[place]:
                        yield record
            for place in places:
                reached[place] = await self._consumer.position(place)

    async def size(self, topic: str) -> int:
        """How many places a topic's records have; those that compaction emptied count as well.

        Raises UnknownTopicOrPartitionError for a topic that isn't there.
        """
        places = await self._places(topic)
        starts, ends = await self._bounds(places)
        return sum(ends[place] - starts[place] for place in places)

    async def one(self, topic: str, partition: int, offset: int) -> Raw | None:
        """The record at that place, or None when it isn't there any more.

        Raises UnknownTopicOrPartitionError for a topic that isn't there.
        """
        place = TopicPartition(topic, partition)
        await self._places(topic)
        starts, ends = await self._bounds([place])
        if not starts[place] <= offset < ends[place]:
            return None
        self._consumer.assign([place])
        self._consumer.seek(place, offset)
        reached = offset
        while reached <= offset:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=1)
            for record in batches.get(place, ()):
                return record if record.offset == offset else None
            reached = await self._consumer.position(place)
        return None

    async def _places(self, topic: str) -> list[TopicPartition]:
        # What is asked while something is assigned waits for half a second behind a fetch that finds nothing.
        if self._consumer.assignment():
            self._consumer.unsubscribe()
        places = await self._consumer.partitions(topic)
        if not places:
            raise UnknownTopicOrPartitionError(topic)
        return places

    async def _bounds(self, places: list[TopicPartition]) -> tuple[Offsets, Offsets]:
        """Of each place the first offset, and the one after its last."""
        return await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)


@asynccontextmanager
async def reading(kafka: KafkaSettings) -> AsyncIterator[Reader]:
    """A reader for as long as the block lasts. Raises KafkaError when Kafka can't be reached."""
    consumer = make_consumer(kafka, "reader")
    try:
        await consumer.start()
        yield Reader(consumer)
    finally:
        await consumer.stop()
