"""Who did or read what matters, in the append-only `security_log`: a date, an event, an alias, what it was about."""

from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock

NOTE = text(
    "INSERT INTO security_log (id, happened_on, alias, event, subject) VALUES (:id, :on, :alias, :event, :subject)"
)


class Line(NamedTuple):
    """`event`: a slug of the service's own; `alias`: who, None for the service itself; `subject`: what it was about."""

    event: str
    alias: UUID | None = None
    subject: UUID | None = None


async def note(
    session: AsyncSession, event: str, alias: UUID | None = None, subject: UUID | None = None
) -> None:
    """One line, in the caller's transaction: what can't be written down isn't done."""
    await note_all(session, [Line(event, alias, subject)])


async def note_all(session: AsyncSession, lines: list[Line]) -> None:
    """`note` for many, in one statement."""
    if lines:
        today = clock.today()
        await session.execute(NOTE, [{"id": uuid4(), "on": today, **line._asdict()} for line in lines])
