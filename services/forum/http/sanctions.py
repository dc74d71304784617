"""Pauses from writing: peer consultants decide, the member reads why and until when, nobody else learns of it."""

from uuid import UUID

from fastapi import Response

from services.forum.http.service import Here, Moderator, Reader, answer
from services.forum.queries.sanctions import standing
from services.forum.schemas import NewSanction, SanctionList
from services.forum.use_cases import sanctions
from shared import clock
from shared.api import routes
from shared.api.transactions import Session

router = routes.router("sanctions")


@router.put("/posts/{post_id}/sanction", status_code=204)
async def impose(post_id: UUID, body: NewSanction, here: Here, session: Session, caller: Moderator) -> None:
    """Pause the writing of who wrote this. It is decided where they belong: there it begins at once, elsewhere the
    peer consultants there are told. The answer is the same.
    """
    await sanctions.impose(session, here.home, caller.alias, post_id, body.category, body.reason, body.days)


@router.get("/sanctions", response_model=SanctionList)
async def list_sanctions(here: Here, caller: Moderator) -> Response:
    """The pauses that stand here; what ends next first."""
    return answer(await standing(here.database, caller.alias, clock.now()))


@router.delete("/sanctions/{sanction_id}", status_code=204)
async def lift(sanction_id: UUID, session: Session, caller: Moderator) -> None:
    """End a pause now, and tell its member."""
    await sanctions.lift(session, caller.alias, sanction_id)


@router.put("/sanction/seen", status_code=204)
async def see(session: Session, caller: Reader) -> None:
    """The caller has read what their pause says."""
    await sanctions.see(session, caller.alias)
