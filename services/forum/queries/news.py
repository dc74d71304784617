"""What is new for a member: replies they haven't opened in threads they watch, and what moderation did to theirs."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from uuid import UUID

from services.forum.queries.fragments import READER, hidden, stands, unread
from services.forum.queries.reports import is_anything_open
from shared import clock
from shared.api.callers import AccountClosed
from shared.database.statements import Fetches

MOST = 100

# `after` is the post on whose following page the first unread reply stands: a link leads right to it.
REPLIES = f"""
WITH reader AS MATERIALIZED ({READER})
SELECT w.thread_id, CASE WHEN NOT t.erased AND NOT {hidden("t.id", "t.home")} THEN t.title END AS title,
    first.id AS post_id,
    (SELECT b.id FROM posts b WHERE b.thread_id = w.thread_id AND (b.written, b.id) < (first.written, first.id)
            AND {stands("b", "reader.profile_id", "$2")}
        ORDER BY b.written DESC, b.id DESC LIMIT 1) AS after
FROM watching w
CROSS JOIN reader
JOIN threads t ON t.id = w.thread_id
LEFT JOIN read_marks r ON r.alias = w.alias AND r.thread_id = w.thread_id
CROSS JOIN LATERAL (
    SELECT p.id, p.written, p.arrived_at FROM posts p
    WHERE p.thread_id = w.thread_id AND NOT (p.opening AND p.author_id = t.author_id) AND p.arrived_at > w.since AND {unread("p", "r", "reader.profile_id", "$2")}
        AND NOT {hidden("p.id", "p.home")}
    ORDER BY p.arrived_at LIMIT 1) first
WHERE w.alias = $1
ORDER BY first.arrived_at DESC LIMIT {MOST}
"""
# One row at least, to say who is refused.
MODERATION = f"""
SELECT n.kind, n.thread_id, n.target_id, n.reason, t.title, reader.refused
FROM ({READER}) reader
LEFT JOIN moderation_news n ON n.alias = $1
LEFT JOIN threads t ON t.id = n.thread_id
ORDER BY n.told_at DESC LIMIT {MOST}
"""
# What a pause says now, until its member has opened the page that says it.
PAUSE = """
SELECT CASE WHEN lifted THEN 'pause-lifted' ELSE 'paused' END AS kind, CASE WHEN NOT lifted THEN reason END AS reason
FROM sanctions WHERE alias = $1 AND NOT seen AND (lifted OR until > $2)
"""


async def for_you(
    database: Fetches, alias: UUID, moderates: str | None, standing: datetime
) -> dict[str, object]:
    """In words, never in numbers: an item stands until its thread is opened. Raises AccountClosed.

    `moderates`: the region whose peer consultant asks; what was told them stands until they are done with it. Replies are
    those `standing` by now.
    """
    moderation = await database.fetch(MODERATION, alias)
    if moderation[0]["refused"]:
        raise AccountClosed()
    replies = await database.fetch(REPLIES, alias, standing)
    items: list[dict[str, object]] = [
        {
            "kind": row["kind"],
            "thread_id": row["thread_id"],
            "title": row["title"],
            "post_id": None if row["target_id"] == row["thread_id"] else row["target_id"],
            "after": None,
            "reason": row["reason"],
        }
        for row in moderation
        if row["kind"]
    ]
    items += [
        _of_itself(row["kind"], row["reason"]) for row in await database.fetch(PAUSE, alias, clock.now())
    ]
    if moderates is not None and await is_anything_open(database, moderates):
        items.append(_of_itself("told"))
    items += [
        {
            "kind": "reply",
            "thread_id": row["thread_id"],
            "title": row["title"],
            "post_id": row["post_id"],
            "after": row["after"],
            "reason": None,
        }
        for row in replies
    ]
    return {"items": items}


def _of_itself(kind: str, reason: str | None = None) -> dict[str, object]:
    """An item that is about no thread."""
    return {"kind": kind, "thread_id": None, "title": None, "post_id": None, "after": None, "reason": reason}
