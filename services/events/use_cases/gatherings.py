"""Planning, changing, cancelling and counting cafés: what peer consultants do."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import NotFound
from services.events.models.called_names import CalledName
from services.events.models.communities import Community
from services.events.models.gatherings import Gathering, Plan
from services.events.policy.callers import Visitor
from services.events.policy.wall_time import Repeat, monthly
from services.events.use_cases import notices
from services.events.use_cases.guests import admit
from services.events.use_cases.places import fill_places
from shared.contracts.topics import GATHERINGS
from shared.outbox import add as outbox


async def find(
    session: AsyncSession, visitor: Visitor, gathering_id: UUID, *, lock: bool = False
) -> Gathering:
    """The gathering, if it is of a community of theirs. Raises NotFound, for another community's as well.

    `lock` holds it until the transaction ends: its version rises, or its places are dealt out.
    """
    found = await session.get(Gathering, gathering_id, with_for_update={"key_share": True} if lock else None)
    if found is None or not visitor.is_of(found.community_id):
        raise NotFound()
    return found


async def plan_cafes(
    session: AsyncSession,
    home: str,
    visitor: Visitor,
    community_id: UUID,
    plan: Plan,
    months: int,
    repeat: Repeat,
    at: datetime,
) -> UUID:
    """Plan one café, or one a month. Returns the id of the series (of one, too).

    Raises NotFound for a community that isn't theirs, and what Plan.check raises.
    """
    if not visitor.is_of(community_id) or await session.get(Community, community_id) is None:
        raise NotFound()
    plan.check(at)
    await admit(session, visitor)
    series_id = uuid4()
    cafes = [
        Gathering.cafe(
            community_id,
            series_id,
            visitor.alias,
            replace(plan, starts=datetime.combine(day, plan.starts.time())),
            at,
        )
        for day in monthly(plan.starts.date(), months, repeat)
    ]
    session.add_all(cafes)
    await session.flush()
    await outbox.add_all(session, GATHERINGS, [(cafe.id, cafe.recorded(home)) for cafe in cafes], at=at)
    await notices.tell_community(session, community_id, at)
    return series_id


async def change_cafe(
    session: AsyncSession,
    home: str,
    visitor: Visitor,
    gathering_id: UUID,
    plan: Plan,
    reason: str | None,
    at: datetime,
) -> Gathering:
    """Take a new plan for one café; who comes or may come hears of it when it moved.

    Raises NotFound and what Gathering.change raises.
    """
    await admit(session, visitor)
    cafe = await find(session, visitor, gathering_id, lock=True)
    moved = cafe.change(plan, reason, visitor.alias, at)
    await _publish(session, home, cafe, at)
    if moved:
        await notices.tell_likely_guests(session, cafe.id, at)
    await fill_places(session, cafe, at)
    return cafe


async def cancel_cafe(
    session: AsyncSession, home: str, visitor: Visitor, gathering_id: UUID, reason: str, at: datetime
) -> Gathering:
    """Call a café off; the names left for it go at once. Raises NotFound and what Gathering.cancel raises."""
    await admit(session, visitor)
    cafe = await find(session, visitor, gathering_id, lock=True)
    if cafe.cancel(reason, at):
        await _publish(session, home, cafe, at)
        await session.execute(delete(CalledName).where(CalledName.gathering_id == cafe.id))
        await notices.tell_likely_guests(session, cafe.id, at)
    return cafe


async def count_heads(
    session: AsyncSession, home: str, visitor: Visitor, gathering_id: UUID, members: int, at: datetime
) -> None:
    """Record how many members came. Raises NotFound and what Gathering.count_heads raises."""
    await admit(session, visitor)
    cafe = await find(session, visitor, gathering_id, lock=True)
    if cafe.count_heads(members, at):
        await _publish(session, home, cafe, at)


async def planned(session: AsyncSession, series_id: UUID) -> list[UUID]:
    """The ids of a series' cafés, by day."""
    statement = (
        select(Gathering.id).where(Gathering.series_id == series_id).order_by(Gathering.starts, Gathering.id)
    )
    return list((await session.scalars(statement)).all())


async def _publish(session: AsyncSession, home: str, cafe: Gathering, at: datetime) -> None:
    await session.flush()
    await outbox.add(session, GATHERINGS, cafe.id, cafe.recorded(home), at=at)
