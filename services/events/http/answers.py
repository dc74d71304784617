"""Answers and names to be called by, apart from each other."""

from typing import cast
from uuid import UUID

from fastapi import APIRouter

from services.events.http.service import GuestsReader, Here, Member
from services.events.models.answers import Wish
from services.events.queries import gatherings as queries
from services.events.schemas import AnswerOut, Counts, Names, NameToBeCalled, SaidAnswer
from services.events.use_cases import answers, called_names
from services.events.use_cases.gatherings import find
from shared.api.transactions import Session

router = APIRouter(prefix="/gatherings/{gathering_id}", tags=["answers"])


@router.put("/answer")
async def answer(
    gathering_id: UUID, body: SaidAnswer, here: Here, session: Session, caller: Member
) -> AnswerOut:
    """Come along, maybe, not this time; on the day: not today. It can be changed to the last minute."""
    said = await answers.answer(session, caller, gathering_id, body.answer, here.now)
    return AnswerOut(answer=cast(Wish, said.answer), waiting=said.waits)


@router.get("/answers")
async def counts(gathering_id: UUID, session: Session, caller: GuestsReader) -> Counts:
    """How many come, may come, or wait. Never who."""
    await find(session, caller, gathering_id)
    return await queries.counts(session, gathering_id)


@router.put("/name", status_code=204)
async def leave_name(
    gathering_id: UUID, body: NameToBeCalled, here: Here, session: Session, caller: Member
) -> None:
    """Leave a name to be called by, for the peer consultant who planned the café. It is deleted the day after."""
    await called_names.leave(session, here.secret, here.names, caller, gathering_id, body.name, here.now)


@router.delete("/name", status_code=204)
async def take_name_back(gathering_id: UUID, here: Here, session: Session, caller: Member) -> None:
    """Take the name back."""
    await find(session, caller, gathering_id)
    await called_names.take_back(session, here.secret, caller, gathering_id)


@router.get("/names")
async def names(gathering_id: UUID, here: Here, session: Session, caller: GuestsReader) -> Names:
    """The names left, in random order, for the peer consultant who planned the café."""
    return Names(names=await called_names.read(session, here.secret, here.names, caller, gathering_id))
