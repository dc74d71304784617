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
        async with asyncio.timeout(LOOK_SECONDS):
            lag = Counter[tuple[str, str]]()
            ends: dict[tuple[str, TopicPartition], int] = {}
            for group, client in clients.items():
                acknowledged = await client.acknowledged()
                for place, end in (await client.end_offsets(list(acknowledged))).items():
                    ends[group, place] = end
                    if (before := self._ends.get((group, place))) is not None:
                        lag[group, place.topic] += max(0, before - acknowledged[place])
            self._ends = ends
            letters = await self._dead_letters(next(iter(clients.values()))) if clients else {}
        return Behind(lag, letters)

    async def _dead_letters(self, client: GroupConsumer) -> Mapping[str, int]:
        places = [
            TopicPartition(queue.name, partition)
            for queue in queues_of(self._bus.service)
            for partition in range(queue.partitions)
        ]
        starts, ends = await client.beginning_offsets(places), await client.end_offsets(places)
        waiting = Counter[str]()
        for place in places:
            waiting[place.topic] += ends[place] - starts[place]
        return waiting
