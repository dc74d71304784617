"""Pauses from writing: one's own, and for peer consultants those that stand."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from typing import Any
from uuid import UUID

from services.forum.errors import WritingPaused
from services.forum.queries.fragments import community, look_alike
from services.forum.queries.own import own_profile
from services.forum.queries.posts import shown_author
from shared.database.statements import Fetches

OWN = "SELECT until, reason FROM sanctions WHERE alias = $1 AND NOT lifted AND until > $2"
STANDING = f"""
SELECT s.id, s.until, s.reason, w.id AS author_id, w.name, w.mark, w.role, {look_alike("w")} AS look_alike, {community("w")}
FROM sanctions s JOIN members m ON m.alias = s.alias JOIN profiles w ON w.id = m.profile_id
WHERE NOT s.lifted AND s.until > $1 ORDER BY s.until, s.id LIMIT 200
"""


async def own_pause(database: Fetches, alias: UUID, at: datetime) -> dict[str, Any] | None:
    """Until when and why this alias can't write at present."""
    for row in await database.fetch(OWN, alias, at):
        return dict(row)
    return None


async def require_no_pause(database: Fetches, alias: UUID, at: datetime) -> None:
    """Raises WritingPaused."""
    pause = await own_pause(database, alias, at)
    if pause is not None:
        raise WritingPaused(pause["until"], pause["reason"])


async def standing(database: Fetches, alias: UUID, at: datetime) -> dict[str, Any]:
    """The pauses of members of this region. Raises AccountClosed."""
    await own_profile(database, alias)
    return {
        "items": [
            {
                "id": row["id"],
                "author": shown_author(row),
                "until": row["until"],
                "reason": row["reason"],
            }
            for row in await database.fetch(STANDING, at)
        ]
    }
