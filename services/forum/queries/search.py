"""Full-text search of titles and posts, in English and Norwegian at once."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import AccountClosed
from services.forum.queries.fetch import fetch, page
from services.forum.queries.fragments import REFUSED, hidden
from services.forum.queries.own import own_profile
from shared.hlc import time_of

EXCERPT = 240  # characters

# Newest first, by id: a thread's and a post's id begin with their time. `id` is the post's, or the thread's where
# its title has the words.
SEARCH = f"""
WITH asked AS MATERIALIZED (
    SELECT websearch_to_tsquery('pg_catalog.english', $2) || websearch_to_tsquery('pg_catalog.norwegian', $2) AS words,
        {REFUSED} AS refused
), found AS (
    (SELECT t.id, t.id AS thread_id, NULL::text AS body, NULL::bigint AS written
    FROM threads t, asked
    WHERE t.search @@ asked.words AND t.id < $3 AND NOT t.erased AND NOT {hidden("t.id", "t.home")}
    ORDER BY t.id DESC LIMIT $4)
    UNION ALL
    (SELECT p.id, p.thread_id, p.body, p.written
    FROM posts p JOIN threads h ON h.id = p.thread_id, asked
    WHERE p.search @@ asked.words AND p.id < $3 AND NOT p.erased AND NOT {hidden("p.id", "p.home")}
        AND NOT {hidden("h.id", "h.home")}
    ORDER BY p.id DESC LIMIT $4)
)
SELECT found.id, found.thread_id, CASE WHEN NOT t.erased THEN t.title END AS title,
    left(found.body, {EXCERPT}) AS excerpt, length(found.body) > {EXCERPT} AS cut, found.written, asked.refused,
    (SELECT b.id FROM posts b WHERE b.thread_id = found.thread_id AND found.written IS NOT NULL
        AND (b.written, b.id) < (found.written, found.id) ORDER BY b.written DESC, b.id DESC LIMIT 1) AS after
FROM found JOIN threads t ON t.id = found.thread_id CROSS JOIN asked
ORDER BY found.id DESC LIMIT $4
"""
NEWEST = UUID(int=2**128 - 1)


async def search(
    session: AsyncSession, alias: UUID, words: str, *, after: UUID | None, limit: int
) -> dict[str, object]:
    """A page of what has all the words (`-word` and "a phrase" work too). Nothing removed or hidden is found.

    Raises AccountClosed.
    """
    rows = await fetch(session, SEARCH, alias, words, after or NEWEST, limit + 1)
    if rows and rows[0]["refused"]:
        raise AccountClosed()
    if not rows:
        await own_profile(session, alias)  # refuses
    return page(
        [
            {
                "id": row["id"],
                "thread_id": row["thread_id"],
                "post_id": None if row["written"] is None else row["id"],
                "after": row["after"],
                "title": row["title"],
                "excerpt": row["excerpt"] + ("…" if row["cut"] else "") if row["excerpt"] else None,
                "written_at": time_of(row["written"]) if row["written"] is not None else None,
            }
            for row in rows
        ],
        limit,
    )
