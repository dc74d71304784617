"""How far the consumers of a service are behind, and what waits among its dead letters, as Kafka itself knows."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.structs import TopicPartition

from shared.bus.broker import GroupConsumer
from shared.bus.bus import Bus
from shared.bus.dead_letters import queues_of

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Behind:
    """`lag` by consumer group and topic, `dead_letters` by queue; both without what isn't known (yet)."""

    lag: Mapping[tuple[str, str], int]
    dead_letters: Mapping[str, int]


class Backlog:
    """Looks again and again. A record counts as waiting from the second look that finds it not acknowledged:

    one that is handled in time is never seen, so the numbers of a healthy service say nothing of single records.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ends: dict[tuple[str, TopicPartition], int] = {}  # at the look before

    async def look(self) -> Behind:
        """Ask Kafka. Raises KafkaError, or TimeoutError after five seconds."""
        clients = self._bus.clients()
        if not clients:
            return Behind({}, {})
        async with asyncio.timeout(LOOK_SECONDS):
            # At once: each client's questions wait behind its own fetch, which Kafka holds for half a second.
            letters, *places = await asyncio.gather(
                self._dead_letters(next(iter(clients.values()))), *map(_places, clients.values())
            )
        lag, ends = Counter[tuple[str, str]](), dict[tuple[str, TopicPartition], int]()
        for group, found in zip(clients, places, strict=True):
            for place, (acknowledged, end) in found.items():
                ends[group, place] = end
                if (before := self._ends.get((group, place))) is not None:
                    lag[group, place.topic] += max(0, before - acknowledged)
        self._ends = ends
        return Behind(lag, letters)

    async def _dead_letters(self, client: GroupConsumer) -> Mapping[str, int]:
        places = [
            TopicPartition(queue.name, partition)
            for queue in queues_of(self._bus.service)
            for partition in range(queue.partitions)
        ]
        starts, ends = await asyncio.gather(client.beginning_offsets(places), client.end_offsets(places))
        waiting = Counter[str]()
        for place in places:
            waiting[place.topic] += ends[place] - starts[place]
        return waiting


async def _places(client: GroupConsumer) -> Mapping[TopicPartition, tuple[int, int]]:
    """Of each of its partitions the first record not acknowledged, and the end."""
    acknowledged = await client.acknowledged()
    ends = await client.end_offsets(list(acknowledged))
    return {place: (acknowledged[place], ends[place]) for place in acknowledged}
