"""What identity notes for the record: a date, an event and whose account. Append-only; nothing else is told."""

from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock

Event = Literal[
    "joined",
    "signed-in",
    "signed-out-everywhere",
    "session-reused",
    "passphrase-changed",
    "recovered",
    "invitations-made",
    "research-consent-given",
    "research-consent-withdrawn",
    "exported",
    "erased",
]
NOTE = text(
    "INSERT INTO security_log (id, happened_on, alias, event, subject) VALUES (:id, :on, :account, :event, :subject)"
)


async def note(
    session: AsyncSession, event: Event, participant_id: UUID | None, subject: UUID | None = None
) -> None:
    """One line of the security log, in the caller's transaction."""
    await session.execute(
        NOTE,
        {"id": uuid4(), "on": clock.today(), "account": participant_id, "event": event, "subject": subject},
    )
