"""A name to be called by: for the peer consultant who planned the café, apart from the answers, gone the day after.

Nothing here keeps the alias or locks its row: a common transaction id would join what the keyed hash keeps apart.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import NotFound
from services.events.models.called_names import CalledName
from services.events.models.gatherings import Gathering
from services.events.policy.callers import Visitor
from services.events.policy.ownership import owner_of
from services.events.policy.wall_time import oldest_day_not_over
from services.events.use_cases.gatherings import find
from services.events.use_cases.guests import hold_departures, refuse_if_gone
from shared.keys import SealingKeys


async def leave(
    session: AsyncSession,
    secret: bytes,
    keys: SealingKeys,
    visitor: Visitor,
    gathering_id: UUID,
    name: str,
    at: datetime,
) -> None:
    """Leave a name, or another in its place.

    Raises NotFound, AccountClosed, GatheringIsCancelled, GatheringIsOver, NamesNotTaken.
    """
    await hold_departures(session)
    await refuse_if_gone(session, visitor)
    cafe = await find(session, visitor, gathering_id)
    cafe.refuse_unless_names_are_taken(at)
    sealed = keys.seal(name.encode(), gathering_id.bytes)
    await session.execute(
        insert(CalledName)
        .values(
            id=uuid4(),
            gathering_id=gathering_id,
            owner=owner_of(secret, gathering_id, visitor.alias),
            sealed=sealed,
        )
        .on_conflict_do_update(index_elements=["owner"], set_={"sealed": sealed})
    )


async def take_back(session: AsyncSession, secret: bytes, visitor: Visitor, gathering_id: UUID) -> None:
    """Forget the name its owner left, if there is one."""
    owner = owner_of(secret, gathering_id, visitor.alias)
    await session.execute(delete(CalledName).where(CalledName.owner == owner))


async def forget_after_the_day(session: AsyncSession, at: datetime) -> int:
    """Delete the names of all cafés whose day is past. Returns how many."""
    cafes = await session.execute(
        select(Gathering.id, Gathering.starts, Gathering.zone).where(
            Gathering.id.in_(select(CalledName.gathering_id))
        )
    )
    past = [id_ for id_, starts, zone in cafes if starts.date() < oldest_day_not_over(at, zone)]
    if not past:
        return 0
    gone = await session.execute(
        delete(CalledName).where(CalledName.gathering_id.in_(past)).returning(CalledName.id)
    )
    return len(gone.all())


async def read(session: AsyncSession, keys: SealingKeys, visitor: Visitor, gathering_id: UUID) -> list[str]:
    """The names left at a café, in random order, for the consultant who planned it. Raises NotFound for others."""
    cafe = await find(session, visitor, gathering_id)
    if cafe.planned_by != visitor.alias:
        raise NotFound()
    # Ids are random and stay with a changed name: the order tells neither when a name came nor that it changed.
    sealed = await session.scalars(
        select(CalledName.sealed).where(CalledName.gathering_id == gathering_id).order_by(CalledName.id)
    )
    return [keys.open(name, gathering_id.bytes).decode() for name in sealed]
