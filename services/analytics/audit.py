"""Who read or decided what: the append-only `security_log`, by this service's alias and date."""

from datetime import date
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Event = Literal[
    "study-proposed", "study-approved", "study-closed", "research-read", "rows-read", "journeys-read"
]

WRITE = text(
    "INSERT INTO security_log (id, happened_on, alias, event, subject)"
    " VALUES (:id, :today, :alias, :event, :study)"
)


async def write(session: AsyncSession, event: Event, alias: UUID | None, study_id: UUID, today: date) -> None:
    """Joins the caller's transaction: what can't be written down isn't answered."""
    await session.execute(
        WRITE, {"id": uuid4(), "today": today, "alias": alias, "event": event, "study": study_id}
    )
