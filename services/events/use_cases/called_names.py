"""A name to be called by: for the peer consultant who planned the café, apart from the answers, gone the day after.

Nothing here keeps the alias or locks its row: a common transaction id would join what the keyed hash keeps apart. For
the same reason nobody's answering or leaving touches a name: it is hidden from then on, and `forget` deletes it later.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import NotComing, NotFound
from services.events.models.answers import Answer
from services.events.models.called_names import CalledName
from services.events.models.gatherings import Gathering
from services.events.policy.callers import Visitor
from services.events.policy.ownership import owner_of
from services.events.policy.wall_time import oldest_day_not_over
from services.events.use_cases.gatherings import find
from services.events.use_cases.guests import begin_departures, hold_departures, refuse_if_gone
from shared.keys import SealingKeys

STAYING_AWAY = text(
    "SELECT gathering_id, alias FROM answers"
    " WHERE gathering_id = ANY(CAST(:cafes AS uuid[])) AND answer NOT IN ('come', 'maybe')"
    " UNION ALL"
    " SELECT cafe, alias FROM guests, unnest(CAST(:cafes AS uuid[])) AS cafe WHERE closed OR erased"
)


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

    Raises NotFound, AccountClosed, GatheringIsCancelled, GatheringIsOver, NamesNotTaken, NotComing.
    """
    await hold_departures(session)
    await refuse_if_gone(session, visitor)
    cafe = await find(session, visitor, gathering_id)
    cafe.refuse_unless_names_are_taken(at)
    said = await session.get(Answer, (gathering_id, visitor.alias))
    if said is not None and said.declines:
        raise NotComing()
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


async def forget(session: AsyncSession, secret: bytes, at: datetime) -> int:
    """Delete the names of all cafés whose day is past, and of people who have said no or left. Returns how many.

    In a transaction that does nothing else, by and by: its id tells nothing about anybody's.
    """
    await begin_departures(session)  # or a name could go whose owner has just come back and left it anew
    left = (
        await session.execute(
            select(
                CalledName.id, CalledName.owner, CalledName.gathering_id, Gathering.starts, Gathering.zone
            ).join(Gathering, Gathering.id == CalledName.gathering_id)
        )
    ).all()
    away = await _owners_staying_away(session, secret, {name.gathering_id for name in left})
    going = [
        name.id
        for name in left
        if name.starts.date() < oldest_day_not_over(at, name.zone) or name.owner in away
    ]
    await session.execute(delete(CalledName).where(CalledName.id.in_(going)))
    return len(going)


async def read(
    session: AsyncSession, secret: bytes, keys: SealingKeys, visitor: Visitor, gathering_id: UUID
) -> list[str]:
    """The names left at a café by people who haven't said no, in random order.

    For the consultant who planned it; raises NotFound for others.
    """
    cafe = await find(session, visitor, gathering_id)
    if cafe.planned_by != visitor.alias:
        raise NotFound()
    # Ids are random and stay with a changed name: the order tells neither when a name came nor that it changed.
    left = await session.execute(
        select(CalledName.owner, CalledName.sealed)
        .where(CalledName.gathering_id == gathering_id)
        .order_by(CalledName.id)
    )
    away = await _owners_staying_away(session, secret, [gathering_id])
    return [keys.open(sealed, gathering_id.bytes).decode() for owner, sealed in left if owner not in away]


async def _owners_staying_away(
    session: AsyncSession, secret: bytes, cafes: Collection[UUID]
) -> frozenset[bytes]:
    """By what the names would be found of people who said no to these cafés, or left Peercafe altogether."""
    rows = await session.execute(STAYING_AWAY, {"cafes": list(cafes)})
    return frozenset(owner_of(secret, row.gathering_id, row.alias) for row in rows)
