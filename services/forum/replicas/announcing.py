"""What follows from posts and decisions that have come: numbers of replies, and notices to people of this region."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.queries.fragments import hide_of, opens, unread
from services.forum.replicas.tables import overtaken
from shared import clock
from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.topics import NOTICES_REQUESTED
from shared.outbox import add as outbox

# Everything follows from how each row stands against what was counted and announced of it, so a batch that comes
# again changes nothing. `activity` stands by itself: a reply may come before its thread.
SETTLE = text(f"""
WITH own AS ( -- versions of our own posts that were read back: the last to come, and the highest
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:last AS bigint[]), CAST(:highest AS bigint[]))
        AS o (id, last, highest)
), before AS ( -- the posts as they are, locked; `counts`: whether each is a reply that stands
    SELECT p.id, p.version, p.thread_id, p.author_id, p.written, opens.it AS opening, p.erased, p.announced_at, p.counted,
        p.read_back, p.arrived_at, NOT opens.it AND NOT p.erased AS counts, o.last, o.highest,
        p.arrived_at <= CAST(:standing AS timestamptz) OR p.announced_at IS NOT NULL AS stands
    FROM posts p JOIN own o ON o.id = p.id CROSS JOIN LATERAL (SELECT {opens("p")} AS it) opens
    ORDER BY p.id FOR UPDATE OF p
), waiting AS ( -- what stands for its writer alone is counted and announced when it stands for others
    INSERT INTO posts_to_announce (post_id, stands_from) SELECT b.id, b.arrived_at FROM before b WHERE NOT b.stands
    ON CONFLICT DO NOTHING
), settled AS ( -- from now on announced, counted, read back
    UPDATE posts p SET announced_at = CASE WHEN b.stands THEN coalesce(b.announced_at, CAST(:at AS timestamptz)) END,
        counted = b.stands AND b.counts, read_back = greatest(b.read_back, b.highest)
    FROM before b
    WHERE p.id = b.id AND (b.stands AND (b.announced_at IS NULL OR b.counted <> b.counts)
        OR b.highest > coalesce(b.read_back, -1))
), activity AS ( -- what that changes in their threads' numbers (rules.counting)
    INSERT INTO thread_activity AS a (thread_id, replies, last_written, first_writer, answered)
    SELECT b.thread_id, sum(b.counts::int - b.counted::int), max(b.written),
        (array_agg(b.author_id) FILTER (WHERE b.opening OR b.counts))[1],
        count(DISTINCT b.author_id) FILTER (WHERE b.opening OR b.counts) > 1
    FROM before b -- a thread that somebody of here opens stands in the list as soon as they did; so does another's
    WHERE CASE WHEN b.stands THEN b.announced_at IS NULL OR b.counted <> b.counts ELSE b.opening END
    GROUP BY b.thread_id ORDER BY b.thread_id
    ON CONFLICT (thread_id) DO UPDATE SET
        replies = a.replies + excluded.replies,
        last_written = greatest(a.last_written, excluded.last_written),
        first_writer = coalesce(a.first_writer, excluded.first_writer),
        answered = a.answered OR excluded.answered OR coalesce(a.first_writer <> excluded.first_writer, false)
), reader AS ( -- who watches a thread in which a reply is new and unread
    SELECT DISTINCT w.alias
    FROM before b
    JOIN watching w ON w.thread_id = b.thread_id AND b.arrived_at > w.since
    LEFT JOIN members m ON m.alias = w.alias
    LEFT JOIN read_marks r ON r.alias = w.alias AND r.thread_id = w.thread_id
    WHERE b.announced_at IS NULL AND b.counts AND {unread("b", "r", "m.profile_id", "CAST(:standing AS timestamptz)")}
), requested AS ( -- one notice for each of them
    INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT gen_random_uuid(), CAST(:topic AS text), reader.alias::text, CAST(:type AS text),
        CAST(:occurred_at AS timestamptz), CAST(:payload AS bytea)
    FROM reader
)
SELECT b.id, {overtaken("b.erased", "b.version")} AS overtaken,
    CASE WHEN b.counted AND NOT b.counts THEN b.thread_id END AS lost_a_reply
FROM before b
""")

# After a removal: has more than one person still written in it? SETTLE has locked these rows, so that all it counted
# is seen. The thread's own record may come later.
RECOUNT = text(f"""
WITH left_over AS MATERIALIZED (
    SELECT a.thread_id, (
        SELECT p.author_id FROM posts p
        WHERE p.thread_id = a.thread_id AND ({opens("p")} OR p.counted)
        ORDER BY p.written, p.id LIMIT 1) AS first_writer
    FROM thread_activity a WHERE a.thread_id = ANY (CAST(:threads AS uuid[]))
)
UPDATE thread_activity a SET first_writer = l.first_writer, answered = EXISTS (
    SELECT FROM posts p WHERE p.thread_id = a.thread_id AND ({opens("p")} OR p.counted)
        AND p.author_id <> l.first_writer)
FROM left_over l WHERE a.thread_id = l.thread_id
""")

# What came before its thread and says that it opens it, by somebody else than the thread's writer.
MISTAKEN = text(
    "SELECT p.id, p.thread_id FROM posts p JOIN threads t ON t.id = p.thread_id"
    " WHERE t.id = ANY (CAST(:threads AS uuid[])) AND p.opening AND p.author_id <> t.author_id AND NOT p.counted"
)

TELL = text(f"""
WITH target AS (
    SELECT p.id, p.thread_id, p.author_id, {hide_of("ARRAY[p.id]", "p.home")} AS reason
    FROM posts p WHERE p.id = ANY (CAST(:targets AS uuid[])) AND NOT p.erased
    UNION ALL
    SELECT t.id, t.id, t.author_id, {hide_of("ARRAY[t.id]", "t.home")}
    FROM threads t WHERE t.id = ANY (CAST(:targets AS uuid[])) AND NOT t.erased
), changed AS (
    SELECT target.*, target.reason IS NOT NULL AS hidden, m.alias FROM target
    JOIN members m ON m.profile_id = target.author_id
    LEFT JOIN moderation_told d ON d.target_id = target.id
    WHERE (target.reason IS NOT NULL) <> coalesce(d.hidden, false)
), told AS (
    INSERT INTO moderation_told (target_id, hidden) SELECT id, hidden FROM changed
    ON CONFLICT (target_id) DO UPDATE SET hidden = excluded.hidden
), news AS (
    INSERT INTO moderation_news (alias, target_id, thread_id, kind, reason, told_at)
    SELECT alias, id, thread_id, CASE WHEN hidden THEN 'hidden' ELSE 'restored' END, reason,
        CAST(:at AS timestamptz)
    FROM changed
    ON CONFLICT (alias, target_id) DO UPDATE
        SET kind = excluded.kind, reason = excluded.reason, told_at = excluded.told_at
)
INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
SELECT gen_random_uuid(), CAST(:topic AS text), alias::text, CAST(:type AS text), CAST(:occurred_at AS timestamptz),
    CAST(:payload AS bytea)
FROM (SELECT DISTINCT alias FROM changed) whom
""")


# By primary key: whoever settles a post holds its row until the end, and only then is it taken from here.
DUE = text(
    "SELECT post_id FROM posts_to_announce WHERE stands_from <= :standing ORDER BY stands_from, post_id LIMIT 500"
)
DONE = text("DELETE FROM posts_to_announce WHERE post_id = ANY (:posts)")


async def announce_some(session: AsyncSession, standing: datetime) -> bool:
    """Settle posts that had to wait and stand by now; whether there may be more to do."""
    due = (await session.scalars(DUE, {"standing": standing})).all()
    if due:
        await settle_posts(session, dict.fromkeys(due), clock.now(), standing)
        await session.execute(DONE, {"posts": due})
    return bool(due)


async def settle_posts(
    session: AsyncSession, own: Mapping[UUID, tuple[int, int] | None], at: datetime, standing: datetime
) -> list[UUID]:
    """Count posts in their threads, request notices for replies, once each; in one statement. What isn't `standing`
    yet waits for `announce_some`.

    `own` gives for our own posts (last, highest) version read back, None for mirrored ones. Returns those whose
    newest version isn't the last that was sent.
    """
    notice = outbox.row(NOTICES_REQUESTED["forum"], "", NoticeRequested(category="replies"), at=at)
    read = {post: versions or (None, None) for post, versions in own.items()}
    rows = await session.execute(
        SETTLE,
        {
            "ids": list(read),
            "last": [last for last, _ in read.values()],
            "highest": [highest for _, highest in read.values()],
            "at": at,
            "standing": standing,
            **_without_id_and_key(notice),
        },
    )
    settled = rows.all()
    recount = sorted({each.lost_a_reply for each in settled if each.lost_a_reply})
    if recount:
        await session.execute(RECOUNT, {"threads": recount})
    return [each.id for each in settled if each.overtaken]


async def settle_threads(
    session: AsyncSession, threads: list[UUID], at: datetime, standing: datetime
) -> None:
    """Once it is known who opened these threads, others' openings in them are replies."""
    mistaken = (await session.execute(MISTAKEN, {"threads": threads})).all()
    if mistaken:
        await settle_posts(session, {post.id: None for post in mistaken}, at, standing)
        await session.execute(RECOUNT, {"threads": sorted({post.thread_id for post in mistaken})})


async def tell_authors(session: AsyncSession, targets: list[UUID], at: datetime) -> None:
    """Tell writers of this region what they don't know yet: hidden (and why), or restored. In one statement."""
    notice = outbox.row(
        NOTICES_REQUESTED["forum"], "", NoticeRequested(category="moderation", urgency="soon"), at=at
    )
    await session.execute(TELL, {"targets": targets, "at": at, **_without_id_and_key(notice)})


def _without_id_and_key(notice: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in notice.items() if name not in ("event_id", "key")}
