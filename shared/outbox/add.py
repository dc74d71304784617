"""The outbox row that joins the caller's transaction."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import Topic

MAX_PAYLOAD_BYTES = 256 * 1024  # FIELD-NOTES, Outbox on Postgres

INSERT = text(
    "INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)"
    " VALUES (:event_id, :topic, :key, :type, :occurred_at, :payload)"
)


class PayloadRefused(ValueError):
    """Too large, or of a type the topic doesn't carry: a mistake of ours, not of a member."""


def row(topic: Topic, key: str | UUID, payload: Payload, *, at: datetime | None = None) -> dict[str, object]:
    """The columns of an outbox row, for statements that insert it together with the change.

    `at` is when it happened (aware; default now), cut to what the topic may tell. Raises PayloadRefused.
    """
    if type(payload) not in topic.payloads:
        raise PayloadRefused(f"{topic.name} doesn't carry {payload.type}")
    body = payload.model_dump_json().encode()
    if len(body) > MAX_PAYLOAD_BYTES:
        raise PayloadRefused(f"a payload of {payload.type} is over {MAX_PAYLOAD_BYTES} bytes")
    return {
        "event_id": uuid4(),
        "topic": topic.name,
        "key": str(key),
        "type": payload.type,
        "occurred_at": topic.time_cut.cut(at or clock.now()),
        "payload": body,
    }


async def add(
    session: AsyncSession, topic: Topic, key: str | UUID, payload: Payload, *, at: datetime | None = None
) -> None:
    """Publish `payload` on `topic` once the caller's transaction commits. Never commits by itself.

    `at` as in `row`. Raises PayloadRefused.
    """
    await session.execute(INSERT, row(topic, key, payload, at=at))


async def add_all(
    session: AsyncSession,
    topic: Topic,
    keyed: list[tuple[str | UUID, Payload]],
    *,
    at: datetime | None = None,
) -> None:
    """`add` for many, in one statement. Raises PayloadRefused."""
    if keyed:
        await session.execute(INSERT, [row(topic, key, payload, at=at) for key, payload in keyed])
