"""Consumers of fact topics: each fact takes effect once, by the inbox row of its transaction (DESIGN §3)."""

from typing import Any

from shared.bus.batches import Consumer
from shared.bus.bus import Bus
from shared.bus.inbox import receive
from shared.bus.records import P, Received
from shared.bus.state import Apply
from shared.contracts.topics import Kind, Topic


def subscribe_facts(bus: Bus, *topics: Topic, group: str, apply: Apply[P]) -> Consumer:
    """Give `apply` the facts of each batch that this group hasn't received before, in the order they came.

    `apply` runs in the transaction of the inbox rows, which is committed for it.
    """
    if any(topic.kind is not Kind.FACTS for topic in topics):
        raise ValueError(f"{group}: not a fact topic")

    async def store(received: list[Received[Any]]) -> None:
        async with bus.sessions() as session, session.begin():
            fresh = await receive(session, group, received)
            if fresh:
                await apply(session, fresh)
        consumer.duplicates += len(received) - len(fresh)
        bus.committed()

    consumer = bus.subscribe(topics, group, store)
    return consumer
