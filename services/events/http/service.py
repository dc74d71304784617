"""What routes know of the service they belong to, and who calls: a role, and nobody who has left."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from services.events.policy.callers import Visitor
from services.events.settings import Settings
from services.events.use_cases.guests import refuse_if_gone
from shared import clock
from shared.api.callers import Caller
from shared.api.limits import limited
from shared.api.transactions import Session
from shared.keys import SealingKeys, derive


@dataclass(frozen=True, slots=True)
class Service:
    """What routes know of the service they belong to."""

    settings: Settings
    zone: str  # IANA, the region's

    @property
    def secret(self) -> bytes:
        """Keys this service's keyed hashes and codes."""
        return self.settings.secret.get_secret_value().encode()

    @property
    def names(self) -> SealingKeys:
        """Seal the names people are called by."""
        return SealingKeys({1: derive(self.secret, "called-names")})

    @property
    def now(self) -> datetime:
        """To decide by; what is kept of it is the date."""
        return clock.now()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]


def _visitor(*roles: str, limit: str | None = None) -> Callable[[Caller], Awaitable[Visitor]]:
    async def visitor(caller: Annotated[Caller, Depends(limited(*roles, limit=limit))]) -> Visitor:
        return Visitor(caller.alias, caller.role, frozenset(caller.communities))

    return visitor


def _reader(*roles: str, limit: str | None = None) -> Callable[[Session, Visitor], Awaitable[Visitor]]:
    async def reader(
        session: Session, visitor: Annotated[Visitor, Depends(_visitor(*roles, limit=limit))]
    ) -> Visitor:
        await refuse_if_gone(session, visitor)
        return visitor

    return reader


Member = Annotated[Visitor, Depends(_visitor("member"))]
MemberWithCode = Annotated[Visitor, Depends(_visitor("member", limit="check_ins"))]
Consultant = Annotated[Visitor, Depends(_visitor("consultant"))]
Operator = Annotated[Visitor, Depends(_visitor("operator"))]
Reader = Annotated[Visitor, Depends(_reader("member", "consultant"))]
ReadingConsultant = Annotated[Visitor, Depends(_reader("consultant"))]
GuestsReader = Annotated[Visitor, Depends(_reader("consultant", limit="looks_at_guests"))]
CommunityReader = Annotated[Visitor, Depends(_reader("consultant", "operator"))]
