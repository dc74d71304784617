"""Checking in with the code of the day: it says that a member came, once per café, and to others not which."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import CodeIsWrong
from services.events.policy.callers import Visitor
from services.events.policy.codes import code_of_the_day, is_code
from services.events.use_cases import notices
from services.events.use_cases.gatherings import find
from services.events.use_cases.guests import admit
from shared.contracts.payloads.activity import CafeAttended
from shared.contracts.topics import ACTIVITY
from shared.outbox import add as outbox

CAME = text(
    "INSERT INTO check_ins (gathering_id, alias) VALUES (:gathering, :alias) ON CONFLICT DO NOTHING RETURNING true"
)


async def check_in(
    session: AsyncSession, secret: bytes, visitor: Visitor, gathering_id: UUID, code: str, at: datetime
) -> None:
    """Say that one came; again is the same. Raises NotFound, GatheringIsCancelled, CheckInClosed, CodeIsWrong."""
    await admit(session, visitor)
    cafe = await find(session, visitor, gathering_id)
    cafe.refuse_unless_check_in_is_open(at)
    if not is_code(code, code_of_the_day(secret, cafe.id, cafe.day)):
        raise CodeIsWrong()
    if await session.scalar(CAME, {"gathering": cafe.id, "alias": visitor.alias}):
        await outbox.add(session, ACTIVITY["events"], visitor.alias, CafeAttended(day=cafe.day), at=at)
        await notices.looked(session, visitor.alias, at)
