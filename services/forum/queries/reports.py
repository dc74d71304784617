"""What peer consultants were told and aren't done with."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from typing import Any
from uuid import UUID

from services.forum.queries.fragments import hide_of, opens, stands, writer_of
from services.forum.queries.own import own_profile
from services.forum.queries.posts import shown_author
from shared.database.statements import Fetches

# What members here told, and what was passed on about posts of this region ($1) by regions that are heard. Of concerns c
# about posts p, with reports r.
_open = """c.closed_on IS NULL AND (c.told_by IS NOT NULL
        OR p.home = $1 AND r.home <> ALL (ARRAY(SELECT u.region FROM muted_regions u)))"""
# An opening is hidden with its thread.
_targets = f"ARRAY[p.id, CASE WHEN {opens('p')} THEN p.thread_id END]"
# By post, what has waited longest first. `upto`: the last that is shown of a post.
OPEN = f"""
WITH open AS (
    SELECT c.post_id, array_agg(DISTINCT c.category) AS categories, min(c.arrived_at) AS since,
        (array_agg(c.id ORDER BY c.arrived_at DESC, c.id DESC))[1] AS upto
    FROM concerns c JOIN posts p ON p.id = c.post_id LEFT JOIN reports r ON r.id = c.id
    WHERE {_open}
    GROUP BY c.post_id
)
SELECT p.id, p.thread_id, p.author_id, p.erased, p.opening, t.title, o.categories, o.upto,
    k.title AS kept_title, k.body_html AS kept_html, p.body_html IS DISTINCT FROM k.body_html AS changed,
    hide.reason IS NOT NULL AS hidden, w.name, w.mark, w.role, w.look_alike, w.community, w.region,
    (SELECT b.id FROM posts b WHERE b.thread_id = p.thread_id AND (b.written, b.id) < (p.written, p.id)
            AND NOT {opens("p")} AND {stands("b", "$5", "$4")}
        ORDER BY b.written DESC, b.id DESC LIMIT 1) AS after
FROM open o JOIN posts p ON p.id = o.post_id
    LEFT JOIN threads t ON t.id = p.thread_id
    LEFT JOIN kept_versions k ON k.post_id = p.id
    LEFT JOIN LATERAL {writer_of("p")} w ON true
    LEFT JOIN LATERAL {hide_of(_targets, "p.home")} hide ON true
WHERE (o.since, o.post_id) > (coalesce((SELECT c.since FROM open c WHERE c.post_id = $3), '-infinity'),
    coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid))
ORDER BY o.since, o.post_id LIMIT $2
"""
ANYTHING = f"""SELECT FROM concerns c JOIN posts p ON p.id = c.post_id LEFT JOIN reports r ON r.id = c.id
WHERE {_open} LIMIT 1"""


async def is_anything_open(database: Fetches, region: str) -> bool:
    """Whether something waits for the peer consultants of this region."""
    return bool(await database.fetch(ANYTHING, region))


async def open_reports(
    database: Fetches, alias: UUID, region: str, *, after: UUID | None, limit: int, standing: datetime
) -> dict[str, Any]:
    """A page of what waits for a peer consultant; never who told, or where. `standing`: as `Home` says. Raises AccountClosed."""
    reader = await own_profile(database, alias)
    found = await database.fetch(OPEN, region, limit + 1, after, standing, reader)
    rows = found[:limit]
    return {
        "items": [
            {
                "post_id": row["id"],
                "thread_id": row["thread_id"],
                "after": row["after"],
                "upto": row["upto"],
                "title": row["kept_title"] or row["title"],
                "author": shown_author(row) if row["name"] is not None else None,
                "categories": sorted(row["categories"]),
                "kept_html": row["kept_html"],
                "changed": row["changed"] and not row["erased"] and row["kept_html"] is not None,
                "removed": row["erased"],
                "hidden": row["hidden"],
            }
            for row in rows
        ],
        "next": rows[-1]["id"] if len(found) > limit else None,
    }
