"""The inbox: which facts a consumer has received, for as long as any topic could bring them again."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.bus.records import P, Received
from shared.contracts.topics import FACT_RETENTION_DAYS

# A date, never a time: when a fact came would tell when somebody did something.
RECEIVE = text(
    "INSERT INTO inbox (consumer, event_id, received_on)"
    " SELECT :consumer, event_id, :today FROM unnest(CAST(:event_ids AS uuid[])) AS event_id"
    " ON CONFLICT DO NOTHING RETURNING event_id"
)
FORGET = text("DELETE FROM inbox WHERE received_on < :day")
KEPT_DAYS = FACT_RETENTION_DAYS + 30


async def receive(session: AsyncSession, group: str, received: list[Received[P]]) -> list[Received[P]]:
    """Note the facts in the inbox and return those that weren't there, each once."""
    first = {record.event_id: record for record in reversed(received)}
    noted = await session.scalars(
        RECEIVE, {"consumer": group, "today": clock.today(), "event_ids": list(first)}
    )
    fresh = set(noted)
    return [record for record in received if record.event_id in fresh and first[record.event_id] is record]


async def forget_old(session: AsyncSession) -> None:
    """Drop inbox rows that no record on a topic can match any more. Once a day is enough."""
    await session.execute(FORGET, {"day": clock.today() - timedelta(days=KEPT_DAYS)})
