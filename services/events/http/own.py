"""What is one's own: what is new, and everything kept here."""

from fastapi import APIRouter

from services.events.http.service import Here, Reader
from services.events.queries import for_you, own
from services.events.schemas import Export, ForYou
from shared.api.transactions import Session

router = APIRouter(tags=["one's own"])


@router.get("/for-you")
async def new(here: Here, session: Session, caller: Reader) -> ForYou:
    """What is new about cafés, until one has answered or the day is past."""
    return ForYou(items=await for_you.for_you(session, caller, here.now))


@router.get("/export")
async def export(here: Here, session: Session, caller: Reader) -> Export:
    """Everything that this service keeps about the caller."""
    return await own.export(session, here.secret, here.names, caller)
