"""Everything of one's own, to take along; and one's profile."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import ProfileNotFound
from services.forum.queries.fragments import look_alike
from shared.api.callers import AccountClosed
from shared.hlc import COUNTER_BITS, time_of

PROFILE = text(
    f"SELECT p.id, p.name, p.mark, p.role, {look_alike('p')} AS look_alike FROM profiles p WHERE p.id = :id"
)
MEMBER = text("SELECT profile_id, closed OR erased AS refused FROM members WHERE alias = :alias")
THREADS = text("SELECT id, title, wish FROM threads WHERE author_id = :profile AND NOT erased ORDER BY id")
POSTS = text(
    "SELECT id, thread_id, opening, body, edited, written FROM posts WHERE author_id = :profile AND NOT erased ORDER BY id"
)
REACTIONS = text(
    "SELECT id, post_id, kind FROM reactions WHERE author_id = :profile AND NOT erased ORDER BY id"
)
WATCHING = text("SELECT thread_id FROM watching WHERE alias = :alias ORDER BY thread_id")
READ = text("SELECT thread_id, opened_at FROM read_marks WHERE alias = :alias ORDER BY thread_id")


async def own_profile(session: AsyncSession, alias: UUID) -> UUID | None:
    """The profile that `alias` writes as, None before the first visit. Raises AccountClosed."""
    member = (await session.execute(MEMBER, {"alias": alias})).one_or_none()
    if member is None:
        return None
    if member.refused:
        raise AccountClosed()
    found: UUID | None = member.profile_id
    return found


async def profile(session: AsyncSession, profile_id: UUID) -> dict[str, Any]:
    """Name and mark; not when somebody joined or was last here. Raises ProfileNotFound."""
    row = (await session.execute(PROFILE, {"id": profile_id})).mappings().one_or_none()
    if row is None or row["name"] is None:
        raise ProfileNotFound()
    return dict(row)


async def export(session: AsyncSession, alias: UUID) -> dict[str, Any]:
    """All that this forum keeps of its caller. Raises AccountClosed."""
    profile_id = await own_profile(session, alias)
    asked = {"alias": alias, "profile": profile_id}
    return {
        "profile": await profile(session, profile_id) if profile_id else None,
        "threads": [dict(row) for row in (await session.execute(THREADS, asked)).mappings()],
        "posts": [
            {
                "id": row.id,
                "thread_id": row.thread_id,
                "opening": row.opening,
                "body": row.body,
                "edited": row.edited,
                "written_at": time_of(row.written),
            }
            for row in await session.execute(POSTS, asked)
        ],
        "reactions": [
            {"post_id": row.post_id, "kind": row.kind, "given_at": time_of(row.id.int >> 80 << COUNTER_BITS)}
            for row in await session.execute(REACTIONS, asked)
        ],
        "watching": [row.thread_id for row in await session.execute(WATCHING, asked)],
        "opened": [
            {"thread_id": row.thread_id, "last_opened_at": row.opened_at}
            for row in await session.execute(READ, asked)
        ],
    }
