"""Records that are ahead of time: a writer's clock is wrong. They wait until they are due, then count as any other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.replicas.tables import TABLES
from services.forum.rules.waiting import due_ms
from shared import clock
from shared.bus.records import Received
from shared.contracts.topics import named
from shared.hlc import EPOCH, MILLISECOND, milliseconds

HOLD = text(
    "INSERT INTO held_records AS h (topic, origin, key, erased, version, due_at, event_id, type, occurred_at, body)"
    " VALUES (:topic, :origin, :key, :erased, :version, :due_at, :event_id, :type, :occurred_at, :body)"
    " ON CONFLICT (topic, origin, key) DO UPDATE SET erased = excluded.erased, version = excluded.version,"
    " due_at = excluded.due_at, event_id = excluded.event_id, type = excluded.type,"
    " occurred_at = excluded.occurred_at, body = excluded.body"
    " WHERE (excluded.erased, excluded.version) > (h.erased, h.version)"
)
# What this release doesn't know stays for one that does.
DUE = text(
    "SELECT topic, origin, key, event_id, type, occurred_at, body FROM held_records"
    " WHERE due_at <= :now AND (topic, type) IN (SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:types AS text[])))"
    " ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED"
)
RELEASED = text("DELETE FROM held_records WHERE topic = :topic AND origin = :origin AND key = :key")
POSTPONE = text(
    "UPDATE held_records SET due_at = :until WHERE topic = :topic AND origin = :origin AND key = :key"
)
KNOWN = [(name, payload.type) for name, table in TABLES.items() for payload in table.topic.payloads]
UNREADABLE_FOR = timedelta(hours=1)
_log = structlog.get_logger()
NEVER = datetime.max.replace(tzinfo=UTC)


async def hold(session: AsyncSession, records: list[Received[Any]]) -> None:
    """Keep records until their time has come to within ten minutes."""
    rows = [
        {
            "topic": record.topic,
            "origin": record.origin or "",
            "key": record.key,
            "erased": record.payload.erased,
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
    """Take out records that are due now, to be applied in the same transaction.

    Those that this release can't read stay: of an unknown type until a release knows it, with a body that isn't valid
    any more for another hour, so that they don't stand before all others.
    """
    now = clock.now()
    known = {"topics": [topic for topic, _ in KNOWN], "types": [type_ for _, type_ in KNOWN]}
    released: list[Received[Any]] = []
    taken: list[dict[str, object]] = []
    unreadable: list[dict[str, object]] = []
    for row in await session.execute(DUE, {"now": now, **known}):
        place = {"topic": row.topic, "origin": row.origin, "key": row.key}
        try:
            released.append(_received(row))
        except ValidationError:
            unreadable.append(place | {"until": now + UNREADABLE_FOR})
        else:
            taken.append(place)
    if taken:
        await session.execute(RELEASED, taken)
    if unreadable:
        await session.execute(POSTPONE, unreadable)
        _log.warning("held records can't be read and stay", count=len(unreadable))
    return released


def _received(row: Row[Any]) -> Received[Any]:
    """Raises ValidationError."""
    model = named(row.topic).payload_of(row.type)
    assert model is not None, "only known types are asked for"
    body = bytes(row.body)
    payload = model.model_validate_json(body)
    return Received(
        row.topic, row.origin or None, 0, 0, row.key, row.event_id, row.type, row.occurred_at, payload, body
    )


def _due(version: int) -> datetime:
    at = due_ms(version)
    return NEVER if at >= milliseconds(NEVER) else EPOCH + at * MILLISECOND
