"""What routes know of the service they belong to, and who calls."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.queries.fetch import to_json
from services.forum.settings import Settings
from services.forum.use_cases.profiles import present_consultant
from services.forum.use_cases.writers import Writers
from shared.api.callers import Caller, requires
from shared.api.limits import Limiter


@dataclass(frozen=True, slots=True)
class Service:
    settings: Settings
    home: Home
    limiter: Limiter
    writers: Writers
    secret: bytes  # keys keyed hashes

    async def presents(self, session: AsyncSession, caller: Caller) -> None:
        """A peer consultant writes under the name they joined with: their profile is made at their first write."""
        if caller.role == "consultant" and caller.name and not self.writers.knows(caller.alias):
            await present_consultant(session, self.home, caller.alias, caller.name)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
_anyone = requires("member", "consultant")
_consultant = requires("consultant")


async def _reader(here: Here, caller: Annotated[Caller, Depends(_anyone)]) -> Caller:
    await here.limiter.take("reads", caller.alias, here.settings.reads)
    return caller


async def _writer(here: Here, caller: Annotated[Caller, Depends(_anyone)]) -> Caller:
    await here.limiter.take("posts", caller.alias, here.settings.posts)
    return caller


async def _opener(here: Here, caller: Annotated[Caller, Depends(_anyone)]) -> Caller:
    await here.limiter.take("threads", caller.alias, here.settings.threads)
    return caller


async def _moderator(here: Here, caller: Annotated[Caller, Depends(_consultant)]) -> Caller:
    await here.limiter.take("posts", caller.alias, here.settings.posts)
    return caller


Reader = Annotated[
    Caller, Depends(_reader)
]  # reads, and small changes of one's own: marks, watching, reactions
Writer = Annotated[Caller, Depends(_writer)]
Opener = Annotated[Caller, Depends(_opener)]
Moderator = Annotated[Caller, Depends(_moderator)]


def answer(content: object, status: int = 200) -> Response:
    """JSON, serialised once."""
    return Response(to_json(content), status, media_type="application/json")
