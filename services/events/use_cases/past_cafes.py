"""A month after a café, who answered it and who came is forgotten; the café and its head count stay.

The days on which an alias was first and often seen are what is left to compare it by with what people do elsewhere.
"""

from datetime import date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.use_cases.guests import hold_departures

KEPT_DAYS = 30

FORGET = tuple(
    text(
        f"DELETE FROM {table} AS said USING gatherings AS g"  # noqa: S608 - names of ours
        " WHERE g.id = said.gathering_id AND g.starts < :before"
    )
    for table in ("answers", "check_ins")
)


async def forget_who_came(session: AsyncSession, today: date) -> None:
    """Delete answers and check-ins of cafés that were more than `KEPT_DAYS` before `today` (the region's date)."""
    await hold_departures(session)  # they delete some of the same rows, in another order
    before = datetime.combine(today - timedelta(days=KEPT_DAYS), time())
    for statement in FORGET:
        await session.execute(statement, {"before": before})
