"""Making communities. Also called at the start of a region, for the communities its file names."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import CommunityNameTaken
from services.events.models.communities import Community, name_key
from shared.contracts.topics import COMMUNITIES
from shared.outbox import add as outbox


async def make_community(session: AsyncSession, home: str, name: str, area: str, at: datetime) -> Community:
    """A new community of region `home`. Raises CommunityNameTaken."""
    community = Community.of(name, area, at)
    made = await session.scalar(
        insert(Community)
        .values({column.name: getattr(community, column.name) for column in Community.__table__.columns})
        .on_conflict_do_nothing(index_elements=["name_key"])
        .returning(Community.id)
    )
    if made is None:
        raise CommunityNameTaken()
    await outbox.add(session, COMMUNITIES, community.id, community.recorded(home), at=at)
    return community


async def ensure_communities(
    session: AsyncSession, home: str, wanted: Iterable[tuple[str, str]], at: datetime
) -> list[UUID]:
    """The ids of communities by (name, area), in order; those that don't exist by name are made."""
    ids = []
    for name, area in wanted:
        found = await session.scalar(select(Community.id).where(Community.name_key == name_key(name)))
        ids.append(found or (await make_community(session, home, name, area, at)).id)
    return ids
