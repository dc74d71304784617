"""A forum name that stood here stays taken here, wherever its owner belongs: else asking for it later would tell where."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# In one order, as two processes may reserve the same names. A muted region's too: its members would stand out.
RESERVE = text(
    "INSERT INTO names (skeleton, profile_id) SELECT skeleton, id FROM profiles"
    " WHERE id = ANY (:profiles) AND skeleton IS NOT NULL ORDER BY skeleton, id ON CONFLICT DO NOTHING"
)


async def reserve_names(session: AsyncSession, profiles: Collection[UUID]) -> None:
    """The names that these profiles bear now are nobody else's any more. Of two who have one the first to come keeps it."""
    await session.execute(RESERVE, {"profiles": list(profiles)})
