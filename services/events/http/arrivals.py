"""At the café: the code of the day, checking in, and how many came."""

from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from services.events.http.service import Consultant, Here, MemberWithCode, ReadingConsultant
from services.events.policy.codes import code_of_the_day, readable
from services.events.queries.gatherings import wall
from services.events.schemas import Code, HeadCount, TypedCode
from services.events.use_cases import check_ins, gatherings
from shared.api.transactions import Session

router = APIRouter(prefix="/gatherings/{gathering_id}", tags=["at the café"])


@router.get("/code")
async def code(gathering_id: UUID, here: Here, session: Session, caller: ReadingConsultant) -> Code:
    """The code of the day, to be read out at the café. It is another one when the café moves to another day."""
    cafe = await gatherings.find(session, caller, gathering_id)
    zone = ZoneInfo(cafe.zone)
    return Code(
        code=readable(code_of_the_day(here.secret, cafe.id, cafe.day)),
        good_from=wall(cafe.check_in.opens.astimezone(zone).replace(tzinfo=None)),
        good_until=wall(cafe.check_in.closes.astimezone(zone).replace(tzinfo=None)),
        zone=cafe.zone,
    )


@router.post("/check-in", status_code=204)
async def check_in(
    gathering_id: UUID, body: TypedCode, here: Here, session: Session, caller: MemberWithCode
) -> None:
    """Say with the code of the day that one came. Again is the same."""
    await check_ins.check_in(session, here.secret, caller, gathering_id, body.code, here.now)


@router.put("/head-count", status_code=204)
async def count_heads(
    gathering_id: UUID, body: HeadCount, here: Here, session: Session, caller: Consultant
) -> None:
    """Record how many members came; also afterwards, and again."""
    await gatherings.count_heads(session, here.settings.region, caller, gathering_id, body.members, here.now)
