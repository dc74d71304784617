"""Muting: of a muted region no hide and no lift counts here; what it decides is stored all the same, for the day it is heard again."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.replicas.announcing import tell_authors
from shared import clock
from shared.database import security_log

MUTED = text("SELECT region, muted_on FROM muted_regions ORDER BY region")
IS_HEARD = text("SELECT EXISTS (SELECT FROM moderation WHERE home = :region)")
MUTE = text("INSERT INTO muted_regions (region, muted_on) VALUES (:region, :on) ON CONFLICT DO NOTHING")
UNMUTE = text("DELETE FROM muted_regions WHERE region = :region")
DECIDED = text(
    "SELECT id, target_id FROM moderation WHERE home = :region AND id > :after ORDER BY id LIMIT :limit"
)
AT_ONCE = 1000  # targets whose authors are told in one transaction


class UnknownRegion(LookupError):
    """There is nothing of that region to mute, or to unmute."""


async def muted(session: AsyncSession) -> list[tuple[str, date]]:
    """The muted regions, and since when."""
    return [(row.region, row.muted_on) for row in await session.execute(MUTED)]


async def mute(session: AsyncSession, own: str, neighbours: Sequence[str], region: str) -> None:
    """From the commit on none of its decisions counts. A muted region again changes nothing.

    Raises UnknownRegion: our own can't be muted, nor one that is no neighbour and has never decided anything here.
    """
    known = region in neighbours or await session.scalar(IS_HEARD, {"region": region})
    if region == own or not known:
        raise UnknownRegion()
    changed = await session.execute(MUTE, {"region": region, "on": clock.today()})
    if changed.rowcount:  # type: ignore[attr-defined]
        await security_log.note(session, f"region-muted-{region}")


async def unmute(session: AsyncSession, region: str) -> None:
    """From the commit on all its decisions count, those made meanwhile as well. Raises UnknownRegion: it isn't muted."""
    changed = await session.execute(UNMUTE, {"region": region})
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise UnknownRegion()
    await security_log.note(session, f"region-unmuted-{region}")


async def tell_some(session: AsyncSession, region: str, after: str) -> str | None:
    """Tell writers of this region whose posts came back or were hidden by that: of a part of what `region` decided.

    Begins `after` "" and returns where to go on, None at the end. Telling twice says nothing new.
    """
    asked = {"region": region, "after": after, "limit": AT_ONCE}
    decided = (await session.execute(DECIDED, asked)).all()
    if not decided:
        return None
    await tell_authors(session, sorted({row.target_id for row in decided}), clock.now())
    return str(decided[-1].id)
