"""`Idempotency-Key` on every POST that creates (draft-ietf-httpapi-idempotency-key-header).

Kept until the end of the next day as keyed hashes and the id of what was made, never the response: a repeat is
answered from the thing's present state (DESIGN §2).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.api.problems import Problem
from shared.keys import keyed_hash

# The insert waits for a concurrent one with the same key: exactly one of two simultaneous repeats creates.
CLAIM = text(
    "INSERT INTO idempotency (key_hash, body_hash, made_on) VALUES (:key, :body, :today)"
    " ON CONFLICT (key_hash) DO NOTHING"
)
FIND = text("SELECT body_hash, made_id FROM idempotency WHERE key_hash = :key")
FORGET = text("DELETE FROM idempotency WHERE made_on < :yesterday")
MADE = text("UPDATE idempotency SET made_id = :made WHERE key_hash = :key")


class IdempotencyKeyNeeded(Problem):
    status = 400
    type = "idempotency-key-needed"
    title = "Please send an Idempotency-Key header, so that a repeat doesn't make a second one."


class IdempotencyKeyReused(Problem):
    status = 422
    type = "idempotency-key-reused"
    title = "This Idempotency-Key was used for something else. Please use a new one."


async def _required(
    idempotency_key: Annotated[str | None, Header(min_length=8, max_length=128)] = None,
) -> str:
    if idempotency_key is None:
        raise IdempotencyKeyNeeded()
    return idempotency_key


IdempotencyKey = Annotated[str, Depends(_required)]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed key. `made_id` is what an earlier request with it made, or None: make it now."""

    key_hash: bytes
    made_id: UUID | None

    async def made(self, session: AsyncSession, entity: UUID) -> None:
        """Remember what was made, in the transaction that made it."""
        await session.execute(MADE, {"key": self.key_hash, "made": entity})


def hashes(
    secret: bytes, alias: UUID | bytes, route: str, key: str, body: BaseModel | bytes
) -> tuple[bytes, bytes]:
    """(key hash, body digest), both keyed, for `claim` or a statement of one's own."""
    raw = body if isinstance(body, bytes) else body.model_dump_json().encode()
    caller = alias.bytes if isinstance(alias, UUID) else alias
    return keyed_hash(secret, "idempotency", caller, route, key), keyed_hash(secret, "body", caller, raw)


async def came_before(
    session: AsyncSession, secret: bytes, alias: UUID | bytes, route: str, key: str, body: BaseModel | bytes
) -> bool:
    """Whether a request with this key has been answered, with whatever body; claims nothing."""
    key_hash, _ = hashes(secret, alias, route, key, body)
    return (await session.execute(FIND, {"key": key_hash})).one_or_none() is not None


async def claim(
    session: AsyncSession, secret: bytes, alias: UUID | bytes, route: str, key: str, body: BaseModel | bytes
) -> Claim:
    """Raises IdempotencyKeyReused when the key came before with another body."""
    key_hash, body_hash = hashes(secret, alias, route, key, body)
    inserted = await session.execute(CLAIM, {"key": key_hash, "body": body_hash, "today": clock.today()})
    if inserted.rowcount:  # type: ignore[attr-defined]
        return Claim(key_hash, None)
    found = (await session.execute(FIND, {"key": key_hash})).one()
    if bytes(found.body_hash) != body_hash:
        raise IdempotencyKeyReused()
    return Claim(key_hash, found.made_id)


async def forget_old(session: AsyncSession) -> None:
    """Drop keys at the end of the day after they were used. Once an hour is enough."""
    await session.execute(FORGET, {"yesterday": clock.today() - timedelta(days=1)})
