"""Full-text search of titles and posts, in English and Norwegian at once."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

import html
import re
from datetime import datetime
from uuid import UUID

from services.forum.queries.answers import page
from services.forum.queries.fragments import READER, hidden, opens, stands
from services.forum.queries.own import own_profile
from shared.api.callers import AccountClosed
from shared.database.statements import Fetches
from shared.hlc import time_of

EXCERPT = 240  # characters
_reader = "(SELECT profile_id FROM reader)"

# Newest first, by id: a thread's and a post's id begin with their time. `id` is the post's, or the thread's where
# its title has the words. The matches are materialised, so that they come from the text index: for a rare word the
# planner would else walk through every post from the newest on.
SEARCH = f"""
WITH reader AS MATERIALIZED ({READER}), asked AS MATERIALIZED (
    SELECT websearch_to_tsquery('pg_catalog.english', $2)
        || websearch_to_tsquery('pg_catalog.norwegian', $2) AS words
), matching AS MATERIALIZED (
    SELECT t.id FROM threads t, asked WHERE t.search @@ asked.words AND t.id < $3
    UNION ALL
    SELECT p.id FROM posts p, asked WHERE p.search @@ asked.words AND p.id < $3
), found AS MATERIALIZED (
    SELECT m.id, t.id AS thread_id, t.title, t.erased, p.written, p.body_html, {opens("p")} AS opening
    FROM (SELECT id FROM matching ORDER BY id DESC OFFSET 0) m  -- sorted first: only the page's rows are looked at
    LEFT JOIN posts p ON p.id = m.id
    JOIN threads t ON t.id = coalesce(p.thread_id, m.id)
    WHERE {stands("t", _reader, "$5")} AND (p.id IS NULL OR {stands("p", _reader, "$5")}) AND NOT coalesce(p.erased, t.erased) AND NOT {hidden("t.id", "t.home")} AND NOT {hidden("p.id", "p.home")}
    ORDER BY m.id DESC LIMIT $4
)
SELECT found.id, found.thread_id, CASE WHEN NOT found.erased THEN found.title END AS title,
    left(found.body_html, {4 * EXCERPT}) AS beginning, found.written, reader.refused,
    (SELECT b.id FROM posts b WHERE b.thread_id = found.thread_id AND found.written IS NOT NULL AND NOT found.opening
        AND (b.written, b.id) < (found.written, found.id) AND {stands("b", "reader.profile_id", "$5")} ORDER BY b.written DESC, b.id DESC LIMIT 1) AS after
FROM found CROSS JOIN reader
ORDER BY found.id DESC
"""
_tag = re.compile(r"<[^>]*>?")  # or the half of one where the text was cut; our HTML has no other <
NEWEST = UUID(int=2**128 - 1)


async def search(
    database: Fetches, alias: UUID, words: str, *, after: UUID | None, limit: int, standing: datetime
) -> dict[str, object]:
    """A page of what has all the words (`-word` and "a phrase" work too). Nothing removed or hidden is found, nor anything
    of others that isn't `standing` yet.

    Raises AccountClosed.
    """
    rows = await database.fetch(SEARCH, alias, words, after or NEWEST, limit + 1, standing)
    if rows and rows[0]["refused"]:
        raise AccountClosed()
    if not rows:
        await own_profile(database, alias)  # refuses
    return page(
        [
            {
                "id": row["id"],
                "thread_id": row["thread_id"],
                "post_id": None if row["written"] is None else row["id"],
                "after": row["after"],
                "title": row["title"],
                "excerpt": _excerpt(row["beginning"]) if row["beginning"] else None,
                "written_at": time_of(row["written"]) if row["written"] is not None else None,
            }
            for row in rows
        ],
        limit,
    )


def _excerpt(beginning: str) -> str:
    """The first words of a rendered post as they are read, without marks."""
    words = " ".join(html.unescape(_tag.sub("", beginning)).split())
    if len(beginning) < 4 * EXCERPT and len(words) <= EXCERPT:
        return words
    return words[:EXCERPT].rstrip() + "…"
