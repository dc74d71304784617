"""What routes know of the service they belong to, and who calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.ids import Home
from services.forum.queries.answers import to_json
from services.forum.settings import Settings
from services.forum.use_cases.writers import Consultant, Writers
from shared.api.callers import Caller
from shared.api.limits import limited
from shared.database.statements import Statements


@dataclass(frozen=True, slots=True)
class Service:
    """What routes know of the service they belong to."""

    settings: Settings
    database: Statements
    sessions: async_sessionmaker[AsyncSession]
    home: Home
    writers: Writers
    secret: bytes  # keys keyed hashes
    wake_relay: Callable[[], None]  # after what may have added to the outbox is committed


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
# Reads, and small changes of one's own: marks, watching, reactions
Reader = Annotated[Caller, Depends(limited("member", "consultant", limit="reads"))]
Exporter = Annotated[Caller, Depends(limited("member", "consultant", limit="exports"))]
Writer = Annotated[Caller, Depends(limited("member", "consultant", limit="posts"))]
Teller = Annotated[Caller, Depends(limited("member", "consultant", limit="reports"))]
Namer = Annotated[Caller, Depends(limited("member", "consultant", limit="profiles"))]
MemberNamer = Annotated[Caller, Depends(limited("member", limit="profiles"))]
Opener = Annotated[Caller, Depends(limited("member", "consultant", limit="threads"))]
Moderator = Annotated[Caller, Depends(limited("consultant", limit="posts"))]


def consultant_in(caller: Caller) -> Consultant | None:
    """The peer consultant that the caller's token names, if it is one's."""
    return Consultant(caller.name, caller.same_as) if caller.role == "consultant" and caller.name else None


def answer(content: object, status: int = 200) -> Response:
    """JSON, serialised once."""
    return Response(to_json(content), status, media_type="application/json")
