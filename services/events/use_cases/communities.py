"""Making communities."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import CommunityNameTaken
from services.events.models.communities import Community
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
