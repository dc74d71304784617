"""What events listens to: identity's words about its own audience's aliases."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.use_cases.departures import apply_aliases
from shared import clock
from shared.bus.bus import Bus
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.topics import IDENTITY_AUDIENCES


def subscribe(bus: Bus) -> None:
    """Register this service's consumers."""

    async def apply(session: AsyncSession, received: list[Received[AudienceAlias]]) -> None:
        await apply_aliases(session, [record.payload for record in received], clock.now())

    subscribe_state(bus, IDENTITY_AUDIENCES["events"], group="events.identity", apply=apply)
