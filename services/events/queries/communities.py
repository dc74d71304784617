"""Communities, for operators and for the consultants who serve them."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.communities import Community


async def listed(session: AsyncSession, only: Collection[UUID] | None = None) -> list[Community]:
    """By name; `only` these, or all."""
    statement = select(Community).order_by(Community.name_key)
    if only is not None:
        statement = statement.where(Community.id.in_(only))
    return list((await session.scalars(statement)).all())
