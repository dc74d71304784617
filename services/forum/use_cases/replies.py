"""A reply: the forum's hottest write, with all its effects in one statement."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import PostTooLong, ProfileNeeded, ThreadHidden, ThreadNotFound, ThreadRemoved
from services.forum.ids import Home
from services.forum.models import PROJECTION
from services.forum.policy import MARK_STAYS_BACK, too_long
from services.forum.queries.fragments import hidden, look_alike
from services.forum.rendering import render
from services.forum.use_cases.profiles import author_of
from services.forum.use_cases.writers import Writers, open_member
from shared.api.idempotency import FIND, IdempotencyKeyReused
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import ACTIVITY, POSTS
from shared.outbox import add as outbox


@dataclass(frozen=True, slots=True)
class WriteReply:
    """`name`: a peer consultant's, as they joined; `key_hash`, `body_hash`: the Idempotency-Key's, as
    `shared.api.idempotency.hashes` makes them.
    """

    alias: UUID
    role: str
    name: str | None
    thread_id: UUID
    body: str
    at: datetime
    key_hash: bytes
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A reply that now exists. `author`: the writer's row (name, mark, role, look_alike); None for a repeat."""

    id: UUID
    written: int
    body_html: str
    author: Any | None


# The thread is read without a lock: locking it halves what one busy thread can take, and it may be a replica.
WRITE = text(f"""
WITH claimed AS (
    INSERT INTO idempotency (key_hash, body_hash, made_id, made_on)
    VALUES (:key_hash, :body_hash, :id, :today) ON CONFLICT (key_hash) DO NOTHING
    RETURNING made_id
), writer AS (
    SELECT p.id AS author_id, p.name, p.mark, p.role, {look_alike("p")} AS look_alike
    FROM members m JOIN profiles p ON p.id = m.profile_id
    WHERE m.alias = :alias AND m.profile_id = :author_id AND NOT m.closed AND NOT m.erased
), thread AS (
    SELECT t.id FROM threads t WHERE t.id = :thread_id AND NOT t.erased AND NOT {hidden("t.id", "t.home")}
), allowed AS (
    SELECT FROM claimed, writer, thread
), post AS (
    INSERT INTO posts (id, nonce, home, version, erased, projection, arrived_at, author_id, author_nonce,
        thread_id, written, opening, edited, body, body_html)
    SELECT CAST(:id AS uuid), CAST(:nonce AS bytea), CAST(:home AS text), CAST(:version AS bigint), false,
        {PROJECTION}, CAST(:at AS timestamptz), CAST(:author_id AS uuid), CAST(:author_nonce AS bytea),
        CAST(:thread_id AS uuid), CAST(:version AS bigint), false, false, CAST(:body AS text), CAST(:html AS text)
    FROM allowed
    RETURNING id
), watched AS (
    INSERT INTO watching (alias, thread_id, since)
    SELECT CAST(:alias AS uuid), CAST(:thread_id AS uuid), CAST(:since AS timestamptz) FROM allowed
    ON CONFLICT DO NOTHING
), published AS (
    INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT CAST(:post_event AS uuid), CAST(:post_topic AS text), CAST(:post_key AS text), CAST(:post_type AS text),
        CAST(:post_time AS timestamptz), CAST(:post_payload AS bytea)
    FROM allowed
), counted AS (
    INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT CAST(:fact_event AS uuid), CAST(:fact_topic AS text), CAST(:fact_key AS text), CAST(:fact_type AS text),
        CAST(:fact_time AS timestamptz), CAST(:fact_payload AS bytea)
    FROM allowed WHERE CAST(:counts AS boolean)
)
SELECT EXISTS (SELECT FROM claimed) AS claimed, EXISTS (SELECT FROM post) AS written,
    writer.author_id, writer.name, writer.mark, writer.role, writer.look_alike
FROM (VALUES (1)) one LEFT JOIN writer ON true
""")
THREAD = text(f"SELECT t.erased, {hidden('t.id', 't.home')} AS hidden FROM threads t WHERE t.id = :id")


async def write_reply(session: AsyncSession, home: Home, writers: Writers, command: WriteReply) -> Written:
    """Writes a reply, watches its thread, and counts a member's.

    Raises AccountClosed, ProfileNeeded, ThreadNotFound, ThreadRemoved, ThreadHidden, PostTooLong,
    IdempotencyKeyReused.
    """
    if too_long(command.body):
        raise PostTooLong()
    author = await author_of(session, home, writers, command.alias, command.role, command.name)
    version = home.clock.tick()
    identity = home.entity(version)
    html = render(command.body)
    record = PostPublished(
        id=identity.id, home=home.region, version=version, nonce=identity.nonce.hex(), author_id=author.id,
        author_nonce=author.nonce.hex(), thread_id=command.thread_id, written=version, opening=False,
        body=command.body,
    )  # fmt: skip
    result = await session.execute(
        WRITE,
        {
            "key_hash": command.key_hash,
            "body_hash": command.body_hash,
            "today": command.at.date(),
            "alias": command.alias,
            "author_id": author.id,
            "author_nonce": author.nonce,
            "thread_id": command.thread_id,
            "id": identity.id,
            "nonce": identity.nonce,
            "home": home.region,
            "version": version,
            "at": command.at,
            "since": command.at - MARK_STAYS_BACK,
            "body": command.body,
            "html": html,
            "counts": command.role == "member",
            **_columns("post", outbox.row(POSTS, identity.id, record, at=command.at)),
            **_columns("fact", outbox.row(ACTIVITY["forum"], command.alias, PostWritten(), at=command.at)),
        },
    )
    row = result.mappings().one()
    if row["written"]:
        return Written(identity.id, version, html, row)
    if not row["claimed"]:
        return await _made_before(session, command)
    if row["author_id"] is None:
        writers.forget(command.alias)
        await open_member(session, command.alias)
        raise ProfileNeeded()
    raise await _why_not(session, command.thread_id)


async def _made_before(session: AsyncSession, command: WriteReply) -> Written:
    found = (await session.execute(FIND, {"key": command.key_hash})).one()
    if bytes(found.body_hash) != command.body_hash:
        raise IdempotencyKeyReused()
    return Written(found.made_id, 0, "", None)


async def _why_not(session: AsyncSession, thread_id: UUID) -> Exception:
    thread = (await session.execute(THREAD, {"id": thread_id})).one_or_none()
    if thread is None:
        return ThreadNotFound()
    return ThreadRemoved() if thread.erased else ThreadHidden()


def _columns(prefix: str, row: dict[str, object]) -> dict[str, object]:
    names = {"event_id": "event", "occurred_at": "time"}
    return {f"{prefix}_{names.get(name, name)}": value for name, value in row.items()}
