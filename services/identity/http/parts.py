"""What handlers are given: the service's parts, and whose account a request is about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from services.identity.authentication import Authentication
from services.identity.clients import Clients
from services.identity.keys import Keys
from services.identity.models.participants import Participant
from services.identity.settings import Settings
from services.identity.switchboard import addresses
from services.identity.tokens import KeyRing
from services.identity.use_cases.sessions import Lifetimes
from shared.api.callers import Caller, SignInNeeded, requires
from shared.api.limits import Limiter
from shared.api.transactions import Session

EVERY_ROLE = ("member", "consultant", "provider", "analyst", "operator")


@dataclass(frozen=True)
class Parts:
    """Made by the composition root, kept in `app.state.parts`."""

    settings: Settings
    keys: Keys
    ring: KeyRing
    clients: Clients
    authentication: Authentication
    lifetimes: Lifetimes
    limiter: Limiter


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def not_stored(response: Response) -> None:
    """Answers with secrets, or about one person, stay in no cache."""
    response.headers["Cache-Control"] = "no-store"


def account_of(*roles: str) -> Callable[..., Awaitable[Participant]]:
    """A dependency: the participant behind the token, if they have one of `roles` and haven't left.

    The token says who they were when it was made, up to five minutes ago; the row says who they are.
    """

    async def account(
        request: Request, session: Session, caller: Annotated[Caller, Depends(requires(*roles))]
    ) -> Participant:
        await _within_limits(request, caller)
        participant_id: UUID | None = await addresses.participant_of(session, "identity", caller.alias)
        participant = None if participant_id is None else await session.get(Participant, participant_id)
        if participant is None or not participant.active:
            raise SignInNeeded
        return participant

    return account


async def _within_limits(request: Request, caller: Caller) -> None:
    parts = _parts(request)
    reads = request.method in ("GET", "HEAD")
    name, limit = ("reads", parts.settings.reads) if reads else ("writes", parts.settings.writes)
    await parts.limiter.take(name, caller.alias, limit)


WithParts = Annotated[Parts, Depends(_parts)]
Account = Annotated[Participant, Depends(account_of(*EVERY_ROLE))]
AnyCaller = Annotated[Caller, Depends(requires(*EVERY_ROLE))]
