"""A reply: the forum's hottest write, with all its effects in one statement."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.errors import PostTooLong, ProfileNeeded, ThreadHidden, ThreadNotFound, ThreadRemoved
from services.forum.ids import Home, Identity
from services.forum.models import PROJECTION
from services.forum.policy import MARK_STAYS_BACK
from services.forum.queries.fragments import community, hidden, look_alike, stands
from services.forum.queries.own import own_profile
from services.forum.queries.sanctions import require_no_pause
from services.forum.rendering import render
from services.forum.rules.lengths import too_long
from services.forum.use_cases.profiles import author_of
from services.forum.use_cases.writers import Consultant, Writers
from shared import clock
from shared.api.idempotency import IdempotencyKeyReused
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import ACTIVITY, POSTS
from shared.database.statements import Fetches, Named, Statements, driver_of
from shared.outbox import add as outbox


@dataclass(frozen=True, slots=True)
class WriteReply:
    """`key_hash`, `body_hash`: the Idempotency-Key's, as `shared.api.idempotency.hashes` makes them."""

    alias: UUID
    role: str
    consultant: Consultant | None
    thread_id: UUID
    body: str
    key_hash: bytes
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A reply that now exists. `author`: the writer's row (`shown_author`); None for a repeat."""

    id: UUID
    written: int
    body_html: str
    author: Any | None


# The thread is read without a lock: locking it halves what one busy thread can take, and it may be a replica.
# The key is claimed only where everything else may follow: the statement commits by itself, also when it refuses.
WRITE = Named(f"""
WITH writer AS (
    SELECT p.id AS author_id, p.name, p.mark, p.role, {look_alike("p")} AS look_alike, {community("p")}
    FROM members m JOIN profiles p ON p.id = m.profile_id
    WHERE m.alias = :alias AND m.profile_id = :author_id AND NOT m.closed AND NOT m.erased
        AND NOT EXISTS (
            SELECT FROM sanctions s
            WHERE s.alias = m.alias AND NOT s.lifted AND s.until > CAST(:at AS timestamptz))
), thread AS (
    SELECT t.id FROM threads t WHERE t.id = :thread_id AND NOT t.erased AND NOT {hidden("t.id", "t.home")}
        AND {stands("t", "CAST(:author_id AS uuid)", "CAST(:standing AS timestamptz)")}
), claimed AS (
    INSERT INTO idempotency (key_hash, body_hash, made_id, made_on)
    SELECT CAST(:key_hash AS bytea), CAST(:body_hash AS bytea), CAST(:id AS uuid), CAST(:today AS date)
    FROM writer, thread
    ON CONFLICT (key_hash) DO NOTHING
    RETURNING made_id
), post AS (
    INSERT INTO posts (id, nonce, home, version, erased, projection, arrived_at, author_id, author_nonce,
        thread_id, written, opening, edited, body, body_html)
    SELECT CAST(:id AS uuid), CAST(:nonce AS bytea), CAST(:home AS text), CAST(:version AS bigint), false,
        {PROJECTION}, CAST(:stands_from AS timestamptz), CAST(:author_id AS uuid), CAST(:author_nonce AS bytea),
        CAST(:thread_id AS uuid), CAST(:written AS bigint), false, false, CAST(:body AS text), CAST(:html AS text)
    FROM claimed
), watched AS (
    INSERT INTO watching (alias, thread_id, since)
    SELECT CAST(:alias AS uuid), CAST(:thread_id AS uuid), CAST(:since AS timestamptz) FROM claimed
    ON CONFLICT DO NOTHING
), published AS (
    INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT CAST(:post_event AS uuid), CAST(:post_topic AS text), CAST(:post_key AS text), CAST(:post_type AS text),
        CAST(:post_time AS timestamptz), CAST(:post_payload AS bytea)
    FROM claimed
    UNION ALL
    SELECT CAST(:fact_event AS uuid), CAST(:fact_topic AS text), CAST(:fact_key AS text), CAST(:fact_type AS text),
        CAST(:fact_time AS timestamptz), CAST(:fact_payload AS bytea)
    FROM claimed WHERE CAST(:counts AS boolean)
)
SELECT EXISTS (SELECT FROM claimed) AS written, writer.*
FROM (VALUES (1)) one LEFT JOIN writer ON true
""")
MADE_BEFORE = "SELECT body_hash, made_id FROM idempotency WHERE key_hash = $1"
THREAD = f"""SELECT t.erased, {hidden("t.id", "t.home")} AS hidden FROM threads t
    WHERE t.id = $1 AND {stands("t", "$2", "$3")}"""


async def write_reply(
    database: Statements,
    sessions: async_sessionmaker[AsyncSession],
    home: Home,
    writers: Writers,
    command: WriteReply,
) -> Written:
    """Writes a reply, watches its thread, and counts a member's; committed when it returns.

    Raises AccountClosed, ProfileNeeded, ThreadNotFound, ThreadRemoved, ThreadHidden, PostTooLong,
    IdempotencyKeyReused.
    """
    if too_long(command.body):
        raise PostTooLong()
    async with database.connection() as connection:
        try:
            author = await writers.identity(connection, command.alias)
        except ProfileNeeded:
            if command.consultant is None:
                raise
        else:
            return await _write(connection, home, writers, command, author)
    async with sessions.begin() as session:  # a peer consultant's first write makes their profile as well
        author = await author_of(session, home, writers, command.alias, command.consultant)
        return await _write(await driver_of(session), home, writers, command, author)


async def _write(
    database: Fetches, home: Home, writers: Writers, command: WriteReply, author: Identity
) -> Written:
    at = clock.now()  # not before there is a connection: a read mark doesn't wait longer for a commit
    version = home.clock.tick()
    written = home.written(version)
    identity = home.entity(written)
    html = render(command.body)
    record = PostPublished(
        id=identity.id, home=home.region, version=version, nonce=identity.nonce.hex(), author_id=author.id,
        author_nonce=author.nonce.hex(), thread_id=command.thread_id, written=written, opening=False,
        body=command.body,
    )  # fmt: skip
    values = {
        "key_hash": command.key_hash,
        "body_hash": command.body_hash,
        "today": at.date(),
        "alias": command.alias,
        "author_id": author.id,
        "author_nonce": author.nonce,
        "thread_id": command.thread_id,
        "id": identity.id,
        "nonce": identity.nonce,
        "home": home.region,
        "version": version,
        "written": written,
        "at": at,
        "stands_from": home.stands_from(written, at),
        "standing": home.standing(),
        "since": at - MARK_STAYS_BACK,
        "body": command.body,
        "html": html,
        "counts": command.role == "member",
        **_columns("post", outbox.row(POSTS, identity.id, record, at=at)),
        **_columns("fact", outbox.row(ACTIVITY["forum"], command.alias, PostWritten(), at=at)),
    }
    row = (await database.fetch(WRITE.sql, *WRITE.arguments(values)))[0]
    if row["written"]:
        return Written(identity.id, written, html, row)
    if row["author_id"] is None:  # of who is closed also what they wrote earlier is told nothing of
        writers.forget(command.alias)
        await own_profile(database, command.alias)  # refuses who is closed
    if before := await database.fetch(MADE_BEFORE, command.key_hash):
        if before[0]["body_hash"] != command.body_hash:
            raise IdempotencyKeyReused()
        return Written(before[0]["made_id"], 0, "", None)
    if row["author_id"] is None:
        await require_no_pause(database, command.alias, at)
        raise ProfileNeeded()
    raise await _why_not(database, home, command.thread_id, author.id)


async def _why_not(database: Fetches, home: Home, thread_id: UUID, author: UUID) -> Exception:
    for thread in await database.fetch(THREAD, thread_id, author, home.standing()):
        return ThreadRemoved() if thread["erased"] else ThreadHidden()
    return ThreadNotFound()


def _columns(prefix: str, row: dict[str, object]) -> dict[str, object]:
    names = {"event_id": "event", "occurred_at": "time"}
    return {f"{prefix}_{names.get(name, name)}": value for name, value in row.items()}
