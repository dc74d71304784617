"""What identity says about an alias: another role, closed, or erased."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.answers import Answer
from services.events.models.called_names import CalledName
from services.events.models.gatherings import Gathering
from services.events.policy.wall_time import earliest_still_on
from services.events.use_cases.guests import begin_departures
from services.events.use_cases.places import fill_places
from shared.contracts.payloads.identity import AudienceAlias

# An alias that never wrote here is kept only when it must be refused from now on.
GONE = text(
    "INSERT INTO guests AS g (alias, role, communities, closed, erased, version)"
    " SELECT alias, '', '{}', closed, erased, version"
    " FROM unnest(CAST(:aliases AS uuid[]), CAST(:closed AS boolean[]), CAST(:erased AS boolean[]),"
    "  CAST(:versions AS bigint[])) AS told (alias, closed, erased, version) ORDER BY alias"
    " ON CONFLICT (alias) DO UPDATE SET closed = excluded.closed, erased = excluded.erased, role = '',"
    "  communities = '{}', version = excluded.version"
    " WHERE excluded.version > g.version AND NOT g.erased"
    " RETURNING alias, erased"
)
CHANGED = text(
    "UPDATE guests AS g SET role = coalesce(told.role, g.role), closed = false, version = told.version"
    " FROM unnest(CAST(:aliases AS uuid[]), CAST(:roles AS text[]), CAST(:versions AS bigint[]))"
    "  AS told (alias, role, version)"
    " WHERE g.alias = told.alias AND told.version > g.version AND NOT g.erased"
)
CHECK_INS = text("DELETE FROM check_ins WHERE alias = ANY(CAST(:aliases AS uuid[]))")


async def apply_aliases(session: AsyncSession, told: Sequence[AudienceAlias], at: datetime) -> None:
    """Take identity's newest word about each alias; older words change nothing, and erased is the last."""
    gone = [alias for alias in told if alias.closed or alias.erased]
    changed = [alias for alias in told if not (alias.closed or alias.erased)]
    if changed:
        await session.execute(
            CHANGED,
            {
                "aliases": [alias.id for alias in changed],
                "roles": [alias.role for alias in changed],
                "versions": [alias.version for alias in changed],
            },
        )
    if not gone:
        return
    await begin_departures(session)
    taken = (
        await session.execute(
            GONE,
            {
                "aliases": [alias.id for alias in gone],
                "closed": [alias.closed for alias in gone],
                "erased": [alias.erased for alias in gone],
                "versions": [alias.version for alias in gone],
            },
        )
    ).all()
    if taken:
        await _leave_what_is_planned(session, [row.alias for row in taken], at)
    erased = [row.alias for row in taken if row.erased]
    if erased:
        await _erase(session, erased)


async def _leave_what_is_planned(session: AsyncSession, aliases: list[UUID], at: datetime) -> None:
    """Take back answers for cafés to come; places that come free go to those who wait. See called_names for names."""
    since = earliest_still_on(at)
    coming = select(Gathering.id).where(Gathering.starts >= since)
    cafes = (
        await session.scalars(
            select(Gathering)
            .where(
                Gathering.id.in_(select(Answer.gathering_id).where(Answer.alias.in_(aliases))),
                Gathering.starts >= since,
            )
            .order_by(Gathering.id)
            .with_for_update(key_share=True)
        )
    ).all()
    await session.execute(delete(Answer).where(Answer.alias.in_(aliases), Answer.gathering_id.in_(coming)))
    for cafe in cafes:
        await fill_places(session, cafe, at)


async def _erase(session: AsyncSession, aliases: list[UUID]) -> None:
    """Delete all else of these aliases. Cafés a consultant planned stay the community's, without her words."""
    await session.execute(delete(Answer).where(Answer.alias.in_(aliases)))
    await session.execute(CHECK_INS, {"aliases": aliases})
    theirs = select(Gathering.id).where(Gathering.planned_by.in_(aliases))
    await session.execute(delete(CalledName).where(CalledName.gathering_id.in_(theirs)))
    await session.execute(
        update(Gathering)
        .where(Gathering.planned_by.in_(aliases))
        .values(planned_by=None, met_by="", prompt_thread=None, prompt_text=None, reason=None)
    )
