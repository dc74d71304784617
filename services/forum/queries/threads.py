"""The thread list and the thread page, one statement each."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.forum.errors import ThreadNotFound
from services.forum.queries.answers import page
from services.forum.queries.fragments import READER, hide_of, reason_of, stands, unread, writer_of, writers_of
from services.forum.queries.own import own_profile
from services.forum.queries.posts import HIDE_JOIN, POST_COLUMNS, shown_author, shown_post
from shared.api.callers import AccountClosed
from shared.database.statements import Fetches
from shared.hlc import time_of

# First the page's rows by an index, then what belongs to them, once for all of them: otherwise the planner may join a
# whole thread to its writers before it sorts out the twenty, or read every mark of a reader who has read thousands of
# threads. Of a thread never opened the opening itself is unread, so no post is looked at; of others the newest is the
# likeliest: looking from there, one is mostly enough.
# OFFSET is a fence: `reason` is found once for each thread, in the index's order, until the page is full.
LIST = """
WITH reader AS MATERIALIZED ({reader}),
page AS MATERIALIZED (
    SELECT c.* FROM (
        SELECT t.id, t.title, t.wish, t.erased, t.author_id, t.arrived_at, {reason} AS reason,
            t.author_id IS NOT DISTINCT FROM (SELECT profile_id FROM reader) AS mine,
            a.replies, a.last_written, a.answered
        FROM thread_activity a
        JOIN threads t ON t.id = a.thread_id
        WHERE NOT (t.erased AND a.replies = 0) {conditions}
        ORDER BY {order} OFFSET 0
    ) c
    WHERE ($2::boolean OR c.mine OR c.reason IS NULL) AND {stands}
    LIMIT $4
), writers AS MATERIALIZED (
    {writers}
), marks AS MATERIALIZED (
    SELECT m.thread_id, m.read_until, m.shown FROM read_marks m
    WHERE m.alias = $1 AND m.thread_id = ANY (ARRAY(SELECT id FROM page))
)
SELECT t.id::text, t.title, t.wish, t.erased, t.reason IS NOT NULL AS hidden, t.author_id::text, t.mine, t.replies,
    t.last_written, t.answered, (SELECT refused FROM reader) AS refused, p.name, p.mark, p.role, p.look_alike,
    p.community, p.region,
    t.id = ANY (ARRAY(SELECT o.thread_id FROM watching o
        WHERE o.alias = $1 AND o.thread_id = ANY (ARRAY(SELECT id FROM page)))) AS watching,
    CASE WHEN r.thread_id IS NULL AND NOT t.mine AND NOT t.erased THEN true ELSE
        (SELECT true FROM posts n WHERE n.thread_id = t.id AND {unread} ORDER BY n.arrived_at DESC LIMIT 1)
            IS NOT NULL END AS unread
FROM page t
LEFT JOIN writers p ON p.id = t.author_id
LEFT JOIN marks r ON r.thread_id = t.id
ORDER BY {outer_order}
"""
# An absent cursor stands before everything.
LATEST = """
    AND (a.last_written, a.thread_id) < (
        coalesce((SELECT c.last_written FROM thread_activity c WHERE c.thread_id = $3), 9223372036854775807),
        coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))"""
OLDEST = " AND a.thread_id > coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid)"
# A consultant's own prompt waits for nobody.
UNANSWERED = """ AND NOT a.answered AND NOT t.erased
    AND (SELECT q.role FROM profiles q WHERE q.id = t.author_id) IS DISTINCT FROM 'consultant'"""


def _list(*, oldest_first: bool, unanswered: bool) -> str:
    return LIST.format(
        reader=READER,
        reason=reason_of("ARRAY[t.id]", "t.home"),
        writers=writers_of("SELECT DISTINCT author_id FROM page"),
        stands=stands("c", "(SELECT profile_id FROM reader)", "$5"),
        unread=unread("n", "r", "(SELECT profile_id FROM reader)", "$5"),
        conditions=(OLDEST if oldest_first else LATEST) + (UNANSWERED if unanswered else ""),
        order="a.thread_id" if oldest_first else "a.last_written DESC, a.thread_id DESC",
        outer_order="t.id" if oldest_first else "t.last_written DESC, t.id DESC",
    )


LISTS = {
    (oldest_first, unanswered): _list(oldest_first=oldest_first, unanswered=unanswered)
    for oldest_first in (False, True)
    for unanswered in (False, True)
}

# Of posts p of the thread in `head`.
_page_columns = """p.id, p.thread_id, p.author_id, p.home, p.written,
        p.opening AND p.author_id = (SELECT writer FROM head) AS opening, p.edited, p.erased, p.body, p.body_html,
        p.arrived_at, p.counted"""


def _stands(post: str) -> str:
    return stands(post, "(SELECT profile_id FROM reader)", "$6")


# The opening stands first, whatever of somebody else says that it is older. It is looked for from the oldest post on, where
# it nearly always is, by that index: the planner would else look through all that its writer wrote, or (with a limit that it
# knows) sort the whole thread.
PAGE = f"""
WITH reader AS MATERIALIZED (SELECT r.*, $3::boolean AS consultant FROM ({READER}) r),
head AS MATERIALIZED (
    SELECT t.author_id AS writer, r.read_until, r.shown,
        json_build_object(
            'id', t.id, 'title', t.title, 'wish', t.wish, 'erased', t.erased, 'reason', hide.reason,
            'author_id', t.author_id, 'name', p.name, 'mark', p.mark, 'role', p.role,
            'look_alike', p.look_alike, 'community', p.community, 'region', p.region,
            'mine', t.author_id IS NOT DISTINCT FROM reader.profile_id, 'replies', coalesce(a.replies, 0),
            'last_written', a.last_written, 'answered', coalesce(a.answered, false),
            'watching', w.alias IS NOT NULL, 'refused', reader.refused)::text AS thread
    FROM threads t
    CROSS JOIN reader
    LEFT JOIN LATERAL {writer_of("t")} p ON true
    LEFT JOIN thread_activity a ON a.thread_id = t.id
    LEFT JOIN read_marks r ON r.alias = $1 AND r.thread_id = t.id
    LEFT JOIN watching w ON w.alias = $1 AND w.thread_id = t.id
    LEFT JOIN LATERAL {hide_of("ARRAY[t.id]", "t.home")} hide ON true
    WHERE t.id = $2 AND {stands("t", "reader.profile_id", "$6")}
), opening AS MATERIALIZED (
    SELECT p.id FROM (
        SELECT o.id, o.opening, o.author_id, o.arrived_at FROM posts o WHERE o.thread_id = $2
        ORDER BY o.written, o.id LIMIT greatest($5::bigint, 1000)) p
    WHERE p.opening AND p.author_id = (SELECT writer FROM head) AND {_stands("p")} LIMIT 1
), page AS MATERIALIZED (
    SELECT * FROM (
        SELECT 0 AS place, {_page_columns} FROM posts p
        WHERE $4::uuid IS NULL AND p.id = (SELECT id FROM opening)
        UNION ALL
        (SELECT 1 AS place, {_page_columns} FROM posts p
        WHERE p.thread_id = $2 AND {_stands("p")} AND p.id IS DISTINCT FROM (SELECT id FROM opening) AND (p.written, p.id) > (
            coalesce((SELECT c.written FROM posts c
                WHERE c.id = $4 AND c.thread_id = $2 AND c.id IS DISTINCT FROM (SELECT id FROM opening)
                    AND {_stands("c")}), -1),
            coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
        ORDER BY p.written, p.id LIMIT $5)
    ) of_either
    ORDER BY place, written, id LIMIT $5
), writers AS MATERIALIZED (
    {writers_of("SELECT DISTINCT author_id FROM page")}
)
SELECT head.thread, post.*
FROM head LEFT JOIN LATERAL (
    SELECT {POST_COLUMNS}, p.place, p.counted, {unread("p", "head", "reader.profile_id", "$6")} AS new
    FROM page p CROSS JOIN reader
    LEFT JOIN writers pp ON pp.id = p.author_id {HIDE_JOIN}
) post ON true
ORDER BY post.place, post.written, post.id COLLATE "C"
"""


async def thread_list(
    database: Fetches,
    alias: UUID,
    *,
    consultant: bool,
    after: UUID | None,
    limit: int,
    oldest_first: bool,
    unanswered: bool,
    standing: datetime,
) -> dict[str, object]:
    """A page of threads, the latest active or the oldest first; others' once they are `standing`. Raises AccountClosed."""
    sql = LISTS[oldest_first, unanswered]
    rows = await database.fetch(sql, alias, consultant, after, limit + 1, standing)
    if rows and rows[0]["refused"]:
        raise AccountClosed()
    if not rows:
        await own_profile(database, alias)  # refuses
    threads = []
    for row in rows:
        thread = shown_thread(row, sees_hidden=consultant or row["mine"])
        thread["unread"] = row["unread"]
        threads.append(thread)
    return page(threads, limit)


async def thread_page(
    database: Fetches,
    alias: UUID,
    thread_id: UUID,
    *,
    consultant: bool,
    after: UUID | None,
    limit: int,
    standing: datetime,
) -> dict[str, object]:
    """A thread and a page of its posts in their writers' order, others' once they are `standing`.

    Raises ThreadNotFound, AccountClosed.
    """
    rows = await database.fetch(PAGE, alias, thread_id, consultant, after, limit + 1, standing)
    if not rows:
        raise ThreadNotFound()
    head: dict[str, Any] = orjson.loads(rows[0]["thread"])
    head["hidden"] = head["reason"] is not None
    if head["refused"]:
        raise AccountClosed()
    here = [row for row in rows[:limit] if row["id"] is not None]
    _catch_up(head, here)
    posts = [shown_post(row, new=row["new"]) for row in here]
    thread = shown_thread(head, sees_hidden=consultant or head["mine"])
    if thread["hidden"] and (consultant or head["mine"]):
        thread["hidden_reason"] = head["reason"]
    thread["posts"] = posts
    thread["next"] = posts[-1]["id"] if len(rows) > limit else None
    return thread


def _catch_up(head: dict[str, Any], posts: list[Any]) -> None:
    """A thread's numbers as the `posts` beside them make them, also those that weren't read back yet.

    Only what was written in this region waits for that: numbers behind the posts would tell which those are.
    """
    if posts:
        head["last_written"] = max(head["last_written"] or 0, posts[-1]["written"])
    for post in posts:
        stands = not post["opening"] and not post["erased"]
        if stands != post["counted"]:
            head["replies"] += stands - post["counted"]
            head["answered"] = head["answered"] or (stands and post["author_id"] != head["author_id"])


def shown_thread(row: Any, *, sees_hidden: bool) -> dict[str, Any]:
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
