"""Posts as the API gives them."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from typing import Any
from uuid import UUID

from services.forum.errors import PostNotFound
from services.forum.policy import REACTIONS
from services.forum.queries.fragments import READER, hide_of, opens, stands, writer_of
from shared.api.callers import AccountClosed
from shared.database.statements import Fetches
from shared.hlc import time_of

_sees = "(reader.consultant OR p.author_id IS NOT DISTINCT FROM reader.profile_id)"

# Bits 0-2: a reaction was given; bits 3-5: by the reader (9 = both).
_reactions = """(SELECT coalesce(bit_or(
        CASE g.kind WHEN 'thanks' THEN 1 WHEN 'recognise' THEN 2 WHEN 'thinking' THEN 4 ELSE 0 END
        * CASE WHEN g.author_id = reader.profile_id THEN 9 ELSE 1 END), 0)
    FROM reactions g WHERE g.post_id = p.id AND NOT g.erased)"""

# Ids as text, since they go into JSON as they are. Of posts p by pp, for `reader` (profile_id, consultant). An opening is hidden with its thread.
POST_COLUMNS = f"""
    p.id::text, p.thread_id::text, p.written, p.opening, p.edited, p.erased, hide.reason IS NOT NULL AS hidden,
    NOT p.erased AND (hide.reason IS NULL OR {_sees}) AS shown,
    CASE WHEN hide.reason IS NULL OR {_sees} THEN p.body_html END AS body_html,
    CASE WHEN p.author_id = reader.profile_id THEN p.body END AS body,
    CASE WHEN {_sees} THEN hide.reason END AS reason,
    p.author_id IS NOT DISTINCT FROM reader.profile_id AS mine,
    p.author_id::text, pp.name, pp.mark, pp.role, pp.look_alike, pp.community, pp.region, {_reactions} AS reactions"""
HIDE_JOIN = f"""
    LEFT JOIN LATERAL {hide_of("ARRAY[p.id, CASE WHEN p.opening THEN p.thread_id END]", "p.home")} hide ON true"""

# One row at least, to say who is refused.
ONE = f"""
WITH reader AS MATERIALIZED (SELECT r.*, $3::boolean AS consultant FROM ({READER}) r)
SELECT reader.refused, {POST_COLUMNS}
FROM reader LEFT JOIN LATERAL (
        SELECT q.id, q.thread_id, q.author_id, q.home, q.written, {opens("q")} AS opening, q.edited, q.erased, q.body,
            q.body_html
        FROM posts q WHERE q.id = $2 AND {stands("q", "reader.profile_id", "$4")}) p ON true
    LEFT JOIN LATERAL {writer_of("p")} pp ON true {HIDE_JOIN}
"""


async def one_post(
    database: Fetches, alias: UUID, post_id: UUID, *, consultant: bool, standing: datetime
) -> dict[str, Any]:
    """One post; somebody else's once it is `standing`. Raises AccountClosed, PostNotFound."""
    [row] = await database.fetch(ONE, alias, post_id, consultant, standing)
    if row["refused"]:
        raise AccountClosed()
    if row["id"] is None:
        raise PostNotFound()
    return shown_post(row)


def shown_post(row: Any, *, new: bool = False) -> dict[str, Any]:
    """A post as the API gives it: a removed one is a place and nothing else, a hidden one its writer's and consultants'."""
    shown = row["shown"]
    bits = row["reactions"]
    return {
        "id": row["id"],
        "thread_id": row["thread_id"],
        "opening": row["opening"],
        "author": shown_author(row) if shown else None,
        "body_html": row["body_html"],
        "body": row["body"],
        "written_at": time_of(row["written"]),
        "edited": row["edited"],
        "removed": row["erased"],
        "hidden": row["hidden"],
        "hidden_reason": row["reason"],
        "mine": row["mine"],
        "new": new,
        "reactions": shown_reactions(bits if shown else 0),
    }


def shown_reactions(bits: int) -> dict[str, dict[str, bool]]:
    """Whether anybody, and whether the reader, gave each of the three; never how many."""
    return {
        kind: {"any": bool(bits >> place & 1), "mine": bool(bits >> place + 3 & 1)}
        for place, kind in enumerate(REACTIONS)
    }


def shown_author(row: Any) -> dict[str, Any]:
    """A writer as the API gives them: never alias or time of joining; where they belong, if they show it."""
    return {
        "id": row["author_id"],
        "name": row["name"],
        "mark": row["mark"],
        "role": row["role"],
        "look_alike": row["look_alike"],
        "community": row["community"],
        "region": row["region"],
    }
