"""Everything of one's own, to take along; and one's profile."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from typing import Any
from uuid import UUID

from services.forum.errors import ProfileNotFound
from services.forum.queries.fragments import community, look_alike
from shared.api.callers import AccountClosed
from shared.database.statements import Fetches
from shared.hlc import COUNTER_BITS, time_of

PROFILE = f"""SELECT p.id, p.name, p.mark, p.role, {look_alike("p")} AS look_alike, {community("p")}
    FROM profiles p WHERE p.id = $1"""
MEMBER = "SELECT profile_id, closed OR erased AS refused FROM members WHERE alias = $1"
THREADS = "SELECT id, title, wish FROM threads WHERE author_id = $1 AND NOT erased ORDER BY id"
POSTS = """SELECT id, thread_id, opening, body, edited, written FROM posts WHERE author_id = $1 AND NOT erased
    ORDER BY id"""
REACTIONS = "SELECT id, post_id, kind FROM reactions WHERE author_id = $1 AND NOT erased ORDER BY id"
WATCHING = "SELECT thread_id FROM watching WHERE alias = $1 ORDER BY thread_id"
PAUSE = "SELECT reason, until, lifted FROM sanctions WHERE alias = $1"
READ = "SELECT thread_id, opened_at FROM read_marks WHERE alias = $1 ORDER BY thread_id"


async def own_profile(database: Fetches, alias: UUID) -> UUID | None:
    """The profile that `alias` writes as, None before the first visit. Raises AccountClosed."""
    for member in await database.fetch(MEMBER, alias):
        if member["refused"]:
            raise AccountClosed()
        found: UUID | None = member["profile_id"]
        return found
    return None


async def profile(database: Fetches, profile_id: UUID) -> dict[str, Any]:
    """Name and mark, and a community that is shown; not when somebody joined or was last here. Raises ProfileNotFound."""
    rows = await database.fetch(PROFILE, profile_id)
    if not rows or rows[0]["name"] is None:
        raise ProfileNotFound()
    return dict(rows[0])


async def export(database: Fetches, alias: UUID) -> dict[str, Any]:
    """All that this forum keeps of its caller. Raises AccountClosed."""
    profile_id = await own_profile(database, alias)
    return {
        "profile": await profile(database, profile_id) if profile_id else None,
        "threads": [dict(row) for row in await database.fetch(THREADS, profile_id)],
        "posts": [
            {
                "id": row["id"],
                "thread_id": row["thread_id"],
                "opening": row["opening"],
                "body": row["body"],
                "edited": row["edited"],
                "written_at": time_of(row["written"]),
            }
            for row in await database.fetch(POSTS, profile_id)
        ],
        "reactions": [
            {
                "post_id": row["post_id"],
                "kind": row["kind"],
                "given_at": time_of(row["id"].int >> 80 << COUNTER_BITS),
            }
            for row in await database.fetch(REACTIONS, profile_id)
        ],
        "pauses": [dict(row) for row in await database.fetch(PAUSE, alias)],
        "watching": [row["thread_id"] for row in await database.fetch(WATCHING, alias)],
        "opened": [
            {"thread_id": row["thread_id"], "last_opened_at": row["opened_at"]}
            for row in await database.fetch(READ, alias)
        ],
    }
