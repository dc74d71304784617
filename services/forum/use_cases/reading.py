"""Opening a thread: the read mark, and the view that a study may count. One statement."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import ThreadNotFound
from services.forum.policy import MARK_STAYS_BACK, MOST_SHOWN, VIEW_AGAIN_AFTER
from services.forum.queries.fragments import opens, stands, unread
from shared.api.callers import AccountClosed
from shared.contracts.payloads.activity import ThreadViewed
from shared.contracts.payloads.notices import NoticeLooked
from shared.contracts.topics import ACTIVITY, NOTICES_REQUESTED
from shared.outbox import add as outbox

INSTANT = timedelta(microseconds=1)  # PostgreSQL's resolution

# by_member: a post counts when a member wrote it; a writer whose profile hasn't arrived yet is taken for one.
_by_member = "(SELECT w.role FROM profiles w WHERE w.id = {post}.author_id) IS DISTINCT FROM 'consultant'"

_reader = "(SELECT m.profile_id FROM members m WHERE m.alias = :alias)"
_standing = "CAST(:standing AS timestamptz)"

# `before` is read under its lock; a mark made at the same moment by another request makes `saved` empty (its
# opened_at isn't what `before` saw), and the statement runs again.
OPEN = text(f"""
WITH reader AS ( -- who asks, whether they may, and whether the thread is there
    SELECT (SELECT m.profile_id FROM members m WHERE m.alias = :alias) AS profile_id,
        coalesce((SELECT m.closed OR m.erased FROM members m WHERE m.alias = :alias), false) AS refused,
        EXISTS (SELECT FROM threads t WHERE t.id = :thread AND {stands("t", _reader, _standing)}) AS found
), locked AS ( -- the mark so far, if any
    SELECT read_until, shown, opened_at FROM read_marks
    WHERE alias = :alias AND thread_id = :thread FOR UPDATE
), before AS ( -- the same with defaults; no row where nothing may follow
    SELECT coalesce(l.read_until, '-infinity') AS read_until, coalesce(l.shown, '{{}}') AS shown, l.opened_at,
        reader.*
    FROM reader LEFT JOIN locked l ON true WHERE reader.found AND NOT reader.refused
), upto AS ( -- the last post in page order that was shown
    SELECT p.written, p.id FROM posts p WHERE p.id = CAST(:upto AS uuid) AND p.thread_id = :thread
), listed AS ( -- posts known to be shown one by one, those of now included
    SELECT before.shown || ARRAY(SELECT p.id FROM posts p
        WHERE p.id = ANY (CAST(:shown AS uuid[])) AND p.thread_id = :thread) AS ids
    FROM before
), gap AS ( -- the first to arrive of the others' posts that haven't been shown
    SELECT p.arrived_at FROM posts p CROSS JOIN before CROSS JOIN listed LEFT JOIN upto ON true
    WHERE p.thread_id = :thread AND p.arrived_at > before.read_until AND NOT p.erased
        AND p.author_id IS DISTINCT FROM before.profile_id AND p.id <> ALL (listed.ids)
        AND (p.written, p.id) <= (upto.written, upto.id) IS NOT TRUE
    ORDER BY p.arrived_at LIMIT 1
), mark AS ( -- everything that arrived until then is read: just before the gap, never back
    SELECT greatest(before.read_until, least(CAST(:until AS timestamptz),
        (SELECT arrived_at FROM gap) - CAST(:instant AS interval))) AS read_until
    FROM before
), kept AS ( -- posts shown that arrived after the mark, the latest first
    SELECT ARRAY(SELECT p.id FROM (
            SELECT p.id, p.arrived_at FROM posts p, listed, mark
            WHERE p.id = ANY (listed.ids) AND p.arrived_at > mark.read_until
            UNION
            SELECT p.id, p.arrived_at FROM posts p, upto, mark
            WHERE p.thread_id = :thread AND (p.written, p.id) <= (upto.written, upto.id)
                AND p.arrived_at > mark.read_until AND {stands("p", _reader, _standing)}
        ) p ORDER BY p.arrived_at DESC LIMIT {MOST_SHOWN}) AS ids
), saved AS ( -- empty when another request made a mark meanwhile
    INSERT INTO read_marks AS r (alias, thread_id, read_until, shown, opened_at)
    SELECT :alias, :thread, mark.read_until, kept.ids, CAST(:at AS timestamptz) FROM mark, kept
    ON CONFLICT (alias, thread_id) DO UPDATE
        SET read_until = excluded.read_until, shown = excluded.shown, opened_at = excluded.opened_at
        WHERE r.opened_at IS NOT DISTINCT FROM (SELECT opened_at FROM before)
    RETURNING alias
), view AS ( -- a member opened what members wrote: unread, or all of it again after a while
    SELECT FROM saved, before WHERE CAST(:member AS boolean) AND (
        EXISTS (SELECT FROM posts p WHERE p.thread_id = :thread
            AND {unread("p", "before", "before.profile_id", _standing)} AND {_by_member.format(post="p")})
        OR before.opened_at < CAST(:again AS timestamptz) AND EXISTS (
            SELECT FROM posts p WHERE p.thread_id = :thread AND NOT p.erased AND {_by_member.format(post="p")}))
), looked AS ( -- replies that a notice told of were unread until now: the notice is settled
    SELECT FROM saved, before, watching w WHERE w.alias = :alias AND w.thread_id = :thread AND EXISTS (
        SELECT FROM posts p
        WHERE p.thread_id = :thread AND NOT {opens("p")} AND p.announced_at IS NOT NULL AND p.arrived_at > w.since
            AND {unread("p", "before", "before.profile_id", _standing)})
), opened AS ( -- news of moderation in this thread, seen
    DELETE FROM moderation_news n USING saved WHERE n.alias = :alias AND n.thread_id = :thread RETURNING n.alias
), published AS ( -- at most one fact of each
    INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT CAST(:view_event AS uuid), :view_topic, :view_key, :view_type, CAST(:view_time AS timestamptz),
        CAST(:view_payload AS bytea) FROM view
    UNION ALL
    SELECT CAST(:replies_event AS uuid), :replies_topic, :replies_key, :replies_type,
        CAST(:replies_time AS timestamptz), CAST(:replies_payload AS bytea) FROM looked
    UNION ALL
    SELECT CAST(:moderation_event AS uuid), :moderation_topic, :moderation_key, :moderation_type,
        CAST(:moderation_time AS timestamptz), CAST(:moderation_payload AS bytea)
    FROM (SELECT FROM opened LIMIT 1) first
)
SELECT reader.found, reader.refused, EXISTS (SELECT FROM saved) AS saved FROM reader
""")


@dataclass(frozen=True, slots=True)
class OpenedThread:
    """What was answered of a thread: the posts `shown`, or all in page order until `upto`. `standing`: as `Home` says."""

    alias: UUID
    role: str
    thread_id: UUID
    shown: Sequence[UUID]
    upto: UUID | None
    at: datetime
    standing: datetime


async def mark_read(session: AsyncSession, opened: OpenedThread) -> None:
    """Keeps what a member has been shown of a thread, and publishes the view if this was one.

    The mark's time is 5 s back, or just before the first post that no answer contained; ids shown that arrived after
    it stand beside it. Raises AccountClosed, ThreadNotFound.
    """
    key = str(opened.alias)
    facts = {
        "view": outbox.row(ACTIVITY["forum"], key, ThreadViewed(), at=opened.at),
        "replies": outbox.row(
            NOTICES_REQUESTED["forum"], key, NoticeLooked(category="replies"), at=opened.at
        ),
        "moderation": outbox.row(
            NOTICES_REQUESTED["forum"], key, NoticeLooked(category="moderation"), at=opened.at
        ),
    }
    columns = {
        f"{fact}_{ {'event_id': 'event', 'occurred_at': 'time'}.get(name, name) }": value
        for fact, row in facts.items()
        for name, value in row.items()
    }
    while True:
        row = (
            await session.execute(
                OPEN,
                {
                    "alias": opened.alias,
                    "thread": opened.thread_id,
                    "shown": list(opened.shown),
                    "upto": opened.upto,
                    "member": opened.role == "member",
                    "at": opened.at,
                    "standing": opened.standing,
                    "until": opened.at - MARK_STAYS_BACK,
                    "again": opened.at - VIEW_AGAIN_AFTER,
                    "instant": INSTANT,
                    **columns,
                },
            )
        ).one()
        if not row.found:
            raise ThreadNotFound()
        if row.refused:
            raise AccountClosed()
        if row.saved:
            return
