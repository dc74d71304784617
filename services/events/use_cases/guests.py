"""Who may act here: an alias is kept from its first write on, and refused once it is closed or erased."""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.guests import Guest
from services.events.policy.callers import Visitor
from shared.api.callers import AccountClosed

# The row is locked until the write commits: an erasure that comes meanwhile waits, then deletes what was written.
ADMIT = text(
    "INSERT INTO guests AS g (alias, role, communities, closed, erased, version)"
    " VALUES (:alias, :role, CAST(:communities AS uuid[]), false, false, 0)"
    " ON CONFLICT (alias) DO UPDATE SET role = excluded.role, communities = excluded.communities"
    " WHERE NOT g.closed AND NOT g.erased"
    " RETURNING true"
)

NOBODY_LEAVES = text("SELECT pg_advisory_xact_lock_shared(hashtext('departures'))")
SOMEBODY_LEAVES = text("SELECT pg_advisory_xact_lock(hashtext('departures'))")


async def admit(session: AsyncSession, visitor: Visitor) -> None:
    """Keep the alias, as it writes something. Raises AccountClosed."""
    known = await session.scalar(
        ADMIT,
        {"alias": visitor.alias, "role": visitor.role, "communities": sorted(visitor.communities)},
    )
    if known is None:
        raise AccountClosed()


async def refuse_if_gone(session: AsyncSession, visitor: Visitor) -> None:
    """Raises AccountClosed. Reads without a lock and keeps nothing."""
    gone = await session.scalar(
        select(func.count()).where(Guest.alias == visitor.alias, Guest.closed | Guest.erased)
    )
    if gone:
        raise AccountClosed()


async def hold_departures(session: AsyncSession) -> None:
    """Let no alias depart until this transaction ends; for writes that must not touch their owner's row."""
    await session.execute(NOBODY_LEAVES)


async def begin_departures(session: AsyncSession) -> None:
    """Wait for all that `hold_departures` protects, and make it wait."""
    await session.execute(SOMEBODY_LEAVES)
