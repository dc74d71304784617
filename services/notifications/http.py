"""What waits for the caller. Reading leaves nothing behind."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.notifications import flags
from shared.api.callers import AccountClosed, Caller
from shared.api.limits import limited
from shared.api.transactions import Session

router = APIRouter()


class Waiting(BaseModel):
    """Categories of which something is new; where it is, is said there."""

    categories: list[str]


class Export(BaseModel):
    """All that notifications keeps about one person."""

    waiting: list[str]


async def _reader(
    session: Session, caller: Annotated[Caller, Depends(limited("member", "consultant"))]
) -> UUID:
    if await flags.has_left(session, caller.alias):
        raise AccountClosed()
    return caller.alias


Reader = Annotated[UUID, Depends(_reader)]


@router.get("/waiting")
async def waiting(session: Session, alias: Reader) -> Waiting:
    """The categories of which something is new."""
    return Waiting(categories=await flags.waiting(session, alias))


@router.get("/export")
async def export(session: Session, alias: Reader) -> Export:
    """Everything that this service keeps about the caller."""
    return Export(waiting=await flags.waiting(session, alias))
