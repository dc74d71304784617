"""Consumers of state topics: no inbox, the highest version of each key wins (DESIGN §3)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.batches import Consumer
from shared.bus.bus import Bus
from shared.bus.records import P, Received
from shared.contracts.topics import Kind, Topic

Apply = Callable[[AsyncSession, list[Received[P]]], Awaitable[None]]


def subscribe_state(
    bus: Bus,
    *topics: Topic,
    group: str,
    apply: Apply[P],
    mirrored_from: Sequence[str] = (),
    reduced: bool = True,
) -> Consumer:
    """Give `apply` each batch of valid records, reduced to the highest version per topic, origin and key.

    `reduced=False` gives the whole batch: a home that reads itself back must see an older version that came
    last, because compaction will keep that one.

    `apply` runs in one transaction which is committed for it, and must take a record only where its version
    is above the stored one: batches come again, and in any order.
    """
    if any(topic.kind is not Kind.STATE for topic in topics):
        raise ValueError(f"{group}: not a state topic")

    async def store(received: list[Received[Any]]) -> None:
        async with bus.sessions() as session, session.begin():
            await apply(session, highest_versions(received) if reduced else received)
        bus.committed()

    return bus.subscribe(topics, group, store, mirrored_from)


def highest_versions(received: list[Received[Any]]) -> list[Received[Any]]:
    """One record per topic, origin and key: by its origin, no neighbour's version hides our own record."""
    highest: dict[tuple[str, str | None, str], Received[Any]] = {}
    for record in received:
        whose = record.topic, record.origin, record.key
        known = highest.get(whose)
        if known is None or known.payload.version <= record.payload.version:
            highest[whose] = record
    return list(highest.values())
