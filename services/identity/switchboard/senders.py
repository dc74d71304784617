"""Who sent a fact: answered only for an alias of the topic's own source."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard.addresses import participants_of
from shared.bus.records import Received


async def senders_of(
    session: AsyncSession, source: str, received: Sequence[Received[Any]]
) -> dict[UUID, UUID]:
    """The participant behind each fact, by event id.

    Left out and counted: a key that is no alias, an alias of another audience, and one that was erased meanwhile.
    """
    aliases = {record.event_id: alias for record in received if (alias := _alias(record.key)) is not None}
    participants = await participants_of(session, source, set(aliases.values()))
    senders = {event_id: participants[alias] for event_id, alias in aliases.items() if alias in participants}
    if refused := len(received) - len(senders):
        structlog.get_logger().warning(
            "facts under an alias that isn't their source's were refused",
            consumer=f"identity.switchboard.{source}",
            count=refused,
        )
    return senders


def _alias(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None
