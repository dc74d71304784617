"""Records that are ahead of time: a writer's clock is wrong. They wait until they are due, then count as any other."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

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
    " ORDER BY due_at, topic, origin, key LIMIT 500"
)
THIS = "topic = :topic AND origin = :origin AND key = :key AND event_id = :event_id"  # a newer one may stand there by now
RELEASED = text(f"DELETE FROM held_records WHERE {THIS}")
POSTPONE = text(f"UPDATE held_records SET due_at = :until WHERE {THIS}")
KNOWN = [(name, payload.type) for name, table in TABLES.items() for payload in table.topic.payloads]
POSTPONED_FOR = timedelta(hours=1)
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


async def due(session: AsyncSession) -> list[Received[Any]]:
    """Records that are due now, the first of them.

    Those that this release can't read stay: of an unknown type until a release knows it, with a body that isn't valid
    any more for another hour, so that they don't stand before all others.
    """
    known = {"topics": [topic for topic, _ in KNOWN], "types": [type_ for _, type_ in KNOWN]}
    found: list[Received[Any]] = []
    unreadable: list[dict[str, object]] = []
    for row in await session.execute(DUE, {"now": clock.now(), **known}):
        try:
            found.append(_received(row))
        except ValidationError:
            unreadable.append(_place(row.topic, row.origin, row.key, row.event_id))
    if unreadable:
        await _postpone(session, unreadable)
        _log.warning("held records can't be read and stay", count=len(unreadable))
    return found


async def let_go(session: AsyncSession, records: list[Received[Any]]) -> None:
    """They wait no longer: to be called in the transaction in which they are applied, and before that."""
    await session.execute(RELEASED, [_place_of(record) for record in records])


async def postpone(session: AsyncSession, records: list[Received[Any]]) -> None:
    """Leave those that can't be stored for another hour, or a release that can."""
    await _postpone(session, [_place_of(record) for record in records])


async def _postpone(session: AsyncSession, places: list[dict[str, object]]) -> None:
    until = clock.now() + POSTPONED_FOR
    await session.execute(POSTPONE, [place | {"until": until} for place in places])


def _place_of(record: Received[Any]) -> dict[str, object]:
    return _place(record.topic, record.origin or "", record.key, record.event_id)


def _place(topic: str, origin: str, key: str, event_id: UUID) -> dict[str, object]:
    return {"topic": topic, "origin": origin, "key": key, "event_id": event_id}


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
