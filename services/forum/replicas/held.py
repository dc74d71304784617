"""Records that are ahead of time: a writer's clock is wrong. They wait until they are due, then count as any other."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.policy import HELD_AHEAD
from shared import clock
from shared.bus.records import Received
from shared.contracts.topics import named
from shared.hlc import time_of, version_at

HOLD = text(
    "INSERT INTO held_records AS h (topic, origin, key, version, due_at, event_id, type, occurred_at, body)"
    " VALUES (:topic, :origin, :key, :version, :due_at, :event_id, :type, :occurred_at, :body)"
    " ON CONFLICT (topic, origin, key) DO UPDATE SET version = excluded.version, due_at = excluded.due_at,"
    " event_id = excluded.event_id, type = excluded.type, occurred_at = excluded.occurred_at, body = excluded.body"
    " WHERE excluded.version > h.version"
)
RELEASE = text(
    "DELETE FROM held_records WHERE (topic, origin, key) IN (SELECT topic, origin, key FROM held_records"
    " WHERE due_at <= :now ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED)"
    " RETURNING topic, origin, key, version, event_id, type, occurred_at, body"
)
NEVER = datetime.max.replace(tzinfo=UTC)


async def hold(session: AsyncSession, records: list[Received[Any]]) -> None:
    """Keep records until their time has come to within ten minutes."""
    rows = [
        {
            "topic": record.topic,
            "origin": record.origin or "",
            "key": record.key,
            "version": record.payload.version,
            "due_at": _due(record.payload.version),
            "event_id": record.event_id,
            "type": record.type,
            "occurred_at": record.time,
            "body": record.body,
        }
        for record in records
    ]
    await session.execute(HOLD, rows)


async def release_due(session: AsyncSession) -> list[Received[Any]]:
    """Take out records that are due now, to be applied in the same transaction."""
    rows = await session.execute(RELEASE, {"now": clock.now()})
    released = []
    for row in rows:
        topic = named(row.topic)
        model = topic.payload_of(row.type)
        if model is not None:
            body = bytes(row.body)
            released.append(
                Received(
                    row.topic,
                    row.origin or None,
                    0,
                    0,
                    row.key,
                    row.event_id,
                    row.type,
                    row.occurred_at,
                    model.model_validate_json(body),
                    body,
                )
            )
    return released


def _due(version: int) -> datetime:
    return NEVER if version >= version_at(NEVER) else time_of(version) - HELD_AHEAD
