"""After a power cut: publish the last day again. Kafka doesn't wait for the disk, so it may have lost what it took.

The inbox and the versions drop what was not lost. Rows of the switchboard's way aren't kept and don't come back.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# With its old number each row goes before what has waited behind it: on a state topic the newest must come last.
AGAIN = text(
    "WITH again AS (DELETE FROM outbox_sent RETURNING *)"
    " INSERT INTO outbox (seq, event_id, topic, key, type, occurred_at, payload) OVERRIDING SYSTEM VALUE"
    " SELECT position, event_id, topic, key, type, occurred_at, payload FROM again"
    " ON CONFLICT (seq) DO NOTHING RETURNING seq"
)


async def publish_again(session: AsyncSession) -> int:
    """Put what `outbox_sent` holds back into the outbox; returns how many rows. The relay must not run meanwhile."""
    return len((await session.execute(AGAIN)).all())
