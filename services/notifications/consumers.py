"""What notifications listens to: notices addressed to its aliases, and what identity says of these aliases."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.flags import Notice, apply_departures, apply_notices
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.payloads.notices import NoticeAddressed, NoticeSettled
from shared.contracts.topics import IDENTITY_AUDIENCES, NOTICES_ADDRESSED


async def addressed(session: AsyncSession, received: list[Received[NoticeAddressed | NoticeSettled]]) -> None:
    """Notices, in the order in which they were released."""
    await apply_notices(
        session,
        [
            Notice(UUID(record.key), record.payload.category, isinstance(record.payload, NoticeSettled))
            for record in received
        ],
    )


async def departed(session: AsyncSession, received: list[Received[AudienceAlias]]) -> None:
    """Identity's newest word about each alias."""
    await apply_departures(session, [record.payload for record in received])


def subscribe(bus: Bus) -> None:
    """Register this service's consumers."""
    subscribe_facts(bus, NOTICES_ADDRESSED, group="notifications.notices", apply=addressed)
    subscribe_state(bus, IDENTITY_AUDIENCES["notifications"], group="notifications.identity", apply=departed)
