"""The thread list and the thread page, one statement each."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import AccountClosed, ThreadNotFound
from services.forum.queries.fetch import fetch, page
from services.forum.queries.fragments import READER, REFUSED, hidden, look_alike, reason, unread
from services.forum.queries.own import own_profile
from services.forum.queries.posts import POST_COLUMNS, POST_JOINS, shown_author, shown_post
from shared.hlc import time_of

LIST = f"""
WITH reader AS MATERIALIZED (SELECT {READER} AS profile_id, {REFUSED} AS refused)
SELECT t.id, t.title, t.wish, t.erased, {hidden("t.id", "t.home")} AS hidden,
    t.author_id, p.name, p.mark, p.role, {look_alike("p")} AS look_alike,
    t.author_id IS NOT DISTINCT FROM reader.profile_id AS mine,
    a.replies, a.last_written, a.answered, w.alias IS NOT NULL AS watching, reader.refused,
    EXISTS (SELECT FROM posts n WHERE n.thread_id = t.id AND {unread("n", "r", "reader.profile_id")}) AS unread
FROM thread_activity a
CROSS JOIN reader
JOIN threads t ON t.id = a.thread_id
LEFT JOIN profiles p ON p.id = t.author_id
LEFT JOIN read_marks r ON r.alias = $1 AND r.thread_id = t.id
LEFT JOIN watching w ON w.alias = $1 AND w.thread_id = t.id
WHERE NOT (t.erased AND a.replies = 0)
    AND ($2 OR t.author_id IS NOT DISTINCT FROM reader.profile_id OR NOT {hidden("t.id", "t.home")})
"""
# An absent cursor stands before everything.
LATEST = """
    AND (a.last_written, a.thread_id) < (
        coalesce((SELECT c.last_written FROM thread_activity c WHERE c.thread_id = $3), 9223372036854775807),
        coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
ORDER BY a.last_written DESC, a.thread_id DESC LIMIT $4
"""
OLDEST = """
    AND a.thread_id > coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid)
ORDER BY a.thread_id LIMIT $4
"""
# A consultant's own prompt waits for nobody.
UNANSWERED = " AND NOT a.answered AND NOT t.erased AND p.role IS DISTINCT FROM 'consultant'"

PAGE = f"""
WITH reader AS MATERIALIZED (SELECT {READER} AS profile_id, {REFUSED} AS refused),
head AS MATERIALIZED (
    SELECT t.id, reader.profile_id, r.read_until, r.shown, {hidden("t.id", "t.home")} AS hidden,
        t.author_id IS NOT DISTINCT FROM reader.profile_id AS mine,
        json_build_object(
            'id', t.id, 'title', t.title, 'wish', t.wish, 'erased', t.erased, 'hidden', {hidden("t.id", "t.home")},
            'reason', {reason("t.id", "t.home")}, 'author_id', t.author_id, 'name', p.name, 'mark', p.mark,
            'role', p.role, 'look_alike', {look_alike("p")},
            'mine', t.author_id IS NOT DISTINCT FROM reader.profile_id, 'replies', coalesce(a.replies, 0),
            'last_written', a.last_written, 'answered', coalesce(a.answered, false),
            'watching', w.alias IS NOT NULL, 'refused', reader.refused)::text AS thread
    FROM threads t
    CROSS JOIN reader
    LEFT JOIN profiles p ON p.id = t.author_id
    LEFT JOIN thread_activity a ON a.thread_id = t.id
    LEFT JOIN read_marks r ON r.alias = $1 AND r.thread_id = t.id
    LEFT JOIN watching w ON w.alias = $1 AND w.thread_id = t.id
    WHERE t.id = $2
)
SELECT head.thread, post.*
FROM head LEFT JOIN LATERAL (
    SELECT {POST_COLUMNS}, {unread("p", "head", "head.profile_id")} AS new
    FROM posts p {POST_JOINS}
    WHERE p.thread_id = head.id AND (p.written, p.id) > (
        coalesce((SELECT c.written FROM posts c WHERE c.id = $4 AND c.thread_id = $2), -1),
        coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
    ORDER BY p.written, p.id LIMIT $5
) post ON true
ORDER BY post.written, post.id
"""


async def thread_list(
    session: AsyncSession,
    alias: UUID,
    *,
    consultant: bool,
    after: UUID | None,
    limit: int,
    oldest_first: bool,
    unanswered: bool,
) -> dict[str, object]:
    """A page of threads, the latest active or the oldest first. Raises AccountClosed."""
    sql = LIST + (UNANSWERED if unanswered else "") + (OLDEST if oldest_first else LATEST)
    rows = await fetch(session, sql, alias, consultant, after, limit + 1)
    if rows and rows[0]["refused"]:
        raise AccountClosed()
    if not rows:
        await own_profile(session, alias)  # refuses
    threads = []
    for row in rows:
        thread = shown_thread(dict(row), sees_hidden=consultant or row["mine"])
        thread["unread"] = row["unread"]
        threads.append(thread)
    return page(threads, limit)


async def thread_page(
    session: AsyncSession, alias: UUID, thread_id: UUID, *, consultant: bool, after: UUID | None, limit: int
) -> dict[str, object]:
    """A thread and a page of its posts in their writers' order. Raises ThreadNotFound, AccountClosed."""
    rows = await fetch(session, PAGE, alias, thread_id, consultant, after, limit + 1)
    if not rows:
        raise ThreadNotFound()
    head: dict[str, Any] = orjson.loads(rows[0]["thread"])
    if head["refused"]:
        raise AccountClosed()
    posts = [shown_post(row, new=row["new"]) for row in rows[:limit] if row["id"] is not None]
    thread = shown_thread(head, sees_hidden=consultant or head["mine"])
    if thread["hidden"] and (consultant or head["mine"]):
        thread["hidden_reason"] = head["reason"]
    thread["posts"] = posts
    thread["next"] = posts[-1]["id"] if len(rows) > limit else None
    return thread


def shown_thread(row: dict[str, Any], *, sees_hidden: bool) -> dict[str, Any]:
    """A thread as the API gives it: a removed or hidden one without title, wish and writer."""
    gone = row["erased"] or (row["hidden"] and not sees_hidden)
    return {
        "id": row["id"],
        "title": None if gone else row["title"],
        "wish": None if gone else row["wish"],
        "author": None if gone else shown_author(row),
        "replies": row["replies"],
        "answered": row["answered"],
        "last_activity": None if row["last_written"] is None else time_of(row["last_written"]),
        "watching": row["watching"],
        "mine": row["mine"],
        "removed": row["erased"],
        "hidden": row["hidden"],
    }
