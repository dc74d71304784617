"""Who writes: the member behind an alias, the profile it writes as, and its nonce."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import ProfileNeeded
from services.forum.ids import Identity
from services.forum.models import Member
from services.forum.queries.own import own_profile
from services.forum.queries.sanctions import require_no_pause
from shared import clock
from shared.database.statements import Fetches, driver_of

FIND = """SELECT p.id, p.nonce FROM members m JOIN profiles p ON p.id = m.profile_id
    WHERE m.alias = $1 AND NOT m.closed AND NOT m.erased"""
REMEMBER = text("INSERT INTO members (alias, role) VALUES (:alias, :role) ON CONFLICT (alias) DO NOTHING")
MAX_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Consultant:
    """A peer consultant as their token has them: the name chosen at joining, and their profile in another region."""

    name: str
    same_as: UUID | None


class Writers:
    """Profiles by alias, bounded, in memory: a profile's id never changes while its alias may write.

    Whether it still may is checked by the statement that writes.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, Identity] = {}

    async def identity(self, database: Fetches, alias: UUID) -> Identity:
        """The profile that `alias` writes as. Raises AccountClosed, ProfileNeeded."""
        known = self._known.get(alias)
        if known is None:
            rows = await database.fetch(FIND, alias)
            if not rows:
                await own_profile(database, alias)  # refuses
                raise ProfileNeeded()
            known = Identity(rows[0]["id"], rows[0]["nonce"])
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[alias] = known
        return known

    def forget(self, alias: UUID) -> None:
        """When the alias was closed or erased."""
        self._known.pop(alias, None)


async def open_member(session: AsyncSession, alias: UUID) -> Member | None:
    """The member, if this region has written anything of them. Raises AccountClosed."""
    member = await session.get(Member, alias)
    return member.require_open() if member else None


async def locked_member(session: AsyncSession, alias: UUID, role: str) -> Member:
    """The member's row, made if need be and locked: what must happen once per person waits here.

    Raises AccountClosed.
    """
    await session.execute(REMEMBER, {"alias": alias, "role": role})
    member = await session.get_one(Member, alias, with_for_update=True, populate_existing=True)
    return member.require_open()


async def profile_of(session: AsyncSession, alias: UUID) -> UUID:
    """The id of the profile that `alias` writes as. Raises AccountClosed, ProfileNeeded."""
    member = await open_member(session, alias)
    if member is None:
        raise ProfileNeeded()
    return member.writes_as()


async def require_writing(session: AsyncSession, alias: UUID) -> None:
    """Raises WritingPaused."""
    await require_no_pause(await driver_of(session), alias, clock.now())
