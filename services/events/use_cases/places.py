"""Places at a café with a limit, and its waiting list: first come, first served."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.gatherings import Gathering
from services.events.use_cases import notices

# The caller holds the gathering's row, so nobody else counts or deals out places meanwhile.
NEXT_POSITION = text(
    "SELECT CASE WHEN count(*) FILTER (WHERE position IS NULL) < :capacity AND count(position) = 0 THEN NULL"
    " ELSE coalesce(max(position), 0) + 1 END"
    " FROM answers WHERE gathering_id = :gathering AND answer = 'come'"
)
DEAL_OUT = text(
    "UPDATE answers SET position = NULL, place_came = true"
    " WHERE gathering_id = :gathering AND alias IN ("
    "  SELECT alias FROM answers WHERE gathering_id = :gathering AND position IS NOT NULL ORDER BY position"
    "  LIMIT greatest(0, CAST(:capacity AS integer) - ("
    "   SELECT count(*) FROM answers WHERE gathering_id = :gathering AND answer = 'come' AND position IS NULL)))"
    " RETURNING alias"
)


async def next_position(session: AsyncSession, cafe: Gathering) -> int | None:
    """None when there is a place for one more, else the last position on the waiting list. Lock the café first."""
    if cafe.capacity is None:
        return None
    position: int | None = await session.scalar(
        NEXT_POSITION, {"gathering": cafe.id, "capacity": cafe.capacity}
    )
    return position


async def fill_places(session: AsyncSession, cafe: Gathering, at: datetime) -> None:
    """Give free places to those who wait longest, and have them told. Lock the café first."""
    if cafe.cancelled or cafe.is_over(at):
        return
    capacity = 1_000_000 if cafe.capacity is None else cafe.capacity
    lucky = (await session.scalars(DEAL_OUT, {"gathering": cafe.id, "capacity": capacity})).all()
    await notices.tell_those_with_a_place(session, lucky, at)
