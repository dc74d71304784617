"""What events' own records say beyond a restored database.

A community's record is the whole of it. A café's isn't: it has no title, time or place. So a café planned since the
backup is gone, and its record is erased; of one that is here, the head count and that it was cancelled are taken.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.communities import Community, name_key
from services.events.models.gatherings import Gathering
from services.events.policy.wall_time import midnight
from shared.contracts.payloads.events import CommunityRecorded, GatheringRecorded
from shared.contracts.topics import GATHERINGS
from shared.hlc import next_version
from shared.outbox import add as outbox

NAMES = text("DELETE FROM called_names")
OF_A_CAFE = tuple(
    text(f"DELETE FROM {table} WHERE gathering_id = :cafe")  # noqa: S608 - names of ours
    for table in ("answers", "check_ins", "called_names")
)


async def forget_names(session: AsyncSession) -> None:
    """No name is called by the backup: which of them were taken back since, or are a day old, nobody can tell."""
    await session.execute(NAMES)


async def take_communities(session: AsyncSession, recorded: Sequence[CommunityRecorded]) -> None:
    """Make those that are missing; take newer words about the others."""
    for community in recorded:
        row = {
            "id": community.id,
            "name": community.name or "",
            "name_key": name_key(community.name or ""),
            "area": community.area or "",
            "open": community.open,
            "version": community.version,
        }
        taking = insert(Community).values(row)
        await session.execute(
            taking.on_conflict_do_update(
                index_elements=["id"],
                set_={name: value for name, value in row.items() if name != "id"},
                where=taking.excluded.version > Community.version,
            )
        )


async def take_gatherings(
    session: AsyncSession, recorded: Sequence[GatheringRecorded], home: str, at: datetime
) -> list[GatheringRecorded]:
    """Take what is newer; cafés that were erased go. Returns the records of cafés that aren't here (any more)."""
    told = {gathering.id: gathering for gathering in recorded}
    here = await session.scalars(
        select(Gathering).where(Gathering.id.in_(told)).order_by(Gathering.id).with_for_update()
    )
    for cafe in here:
        record = told.pop(cafe.id)
        if record.erased and record.version > cafe.version:
            await _end(session, cafe)
        else:
            cafe.take_back(record, home, at)
    return [gathering for gathering in told.values() if not gathering.erased]


async def erase_lost(
    session: AsyncSession, lost: Sequence[GatheringRecorded], home: str, at: datetime
) -> None:
    """Say of cafés whose plan is lost that they are gone."""
    gone = [
        GatheringRecorded(
            id=gathering.id,
            home=home,
            version=next_version(gathering.version, midnight(at.date())),
            erased=True,
            community_id=gathering.community_id,
        )
        for gathering in lost
    ]
    await outbox.add_all(session, GATHERINGS, [(gathering.id, gathering) for gathering in gone], at=at)


async def _end(session: AsyncSession, cafe: Gathering) -> None:
    for statement in OF_A_CAFE:
        await session.execute(statement, {"cafe": cafe.id})
    await session.delete(cafe)
