"""What routes know of the service they belong to, and who calls."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from services.forum.ids import Home
from services.forum.queries.fetch import to_json
from services.forum.settings import Settings
from services.forum.use_cases.writers import Writers
from shared.api.callers import Caller
from shared.api.limits import limited


@dataclass(frozen=True, slots=True)
class Service:
    """What routes know of the service they belong to."""

    settings: Settings
    home: Home
    writers: Writers
    secret: bytes  # keys keyed hashes


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
# Reads, and small changes of one's own: marks, watching, reactions
Reader = Annotated[Caller, Depends(limited("member", "consultant", limit="reads"))]
Writer = Annotated[Caller, Depends(limited("member", "consultant", limit="posts"))]
Namer = Annotated[Caller, Depends(limited("member", "consultant", limit="profiles"))]
Opener = Annotated[Caller, Depends(limited("member", "consultant", limit="threads"))]
Moderator = Annotated[Caller, Depends(limited("consultant", limit="posts"))]


def answer(content: object, status: int = 200) -> Response:
    """JSON, serialised once."""
    return Response(to_json(content), status, media_type="application/json")
