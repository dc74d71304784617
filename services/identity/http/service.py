"""What routes know of the service they belong to, and whose account a request is about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity.authentication import Authentication
from services.identity.clients import Clients
from services.identity.keys import Keys
from services.identity.models.participants import Participant
from services.identity.switchboard import addresses
from services.identity.tokens import KeyRing
from services.identity.use_cases.sessions import Lifetimes
from shared.api.callers import Caller, SignInNeeded
from shared.api.limits import limited
from shared.api.transactions import Session
from shared.auth import ROLES


@dataclass(frozen=True)
class Service:
    """Made by the composition root, kept in `app.state.service`."""

    keys: Keys
    ring: KeyRing
    clients: Clients
    authentication: Authentication
    lifetimes: Lifetimes
    sessions: async_sessionmaker[AsyncSession]  # for what is read apart from the request's own transaction


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def not_stored(response: Response) -> None:
    """Answers with secrets, or about one person, stay in no cache."""
    response.headers["Cache-Control"] = "no-store"


def account_of(*roles: str) -> Callable[..., Awaitable[Participant]]:
    """A dependency: the participant behind the token, if they have one of `roles` and haven't left.

    The token says who they were when it was made, up to five minutes ago; the row says who they are.
    """

    async def account(session: Session, caller: Annotated[Caller, Depends(limited(*roles))]) -> Participant:
        participant_id: UUID | None = await addresses.participant_of(session, "identity", caller.alias)
        participant = None if participant_id is None else await session.get(Participant, participant_id)
        if participant is None or not participant.active:
            raise SignInNeeded
        return participant

    return account


Here = Annotated[Service, Depends(_service)]
Account = Annotated[Participant, Depends(account_of(*ROLES))]
Confirming = Annotated[Caller, Depends(limited(*ROLES, limit="confirmations"))]  # may cost argon2's time
