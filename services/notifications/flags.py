"""The flags: something of a category is new for an alias, or nothing is. No counts, no times.

Aliases that have left are kept, so that a notice which comes late raises nothing for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.payloads.identity import AudienceAlias
from shared.database.shuffling import shuffle

# Notices and departures come by two consumers: one at a time, or a flag could be raised while its alias departs.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('flags'))")
LOWER = text(
    "DELETE FROM waiting USING unnest(CAST(:aliases AS uuid[]), CAST(:categories AS text[]))"
    "  AS settled (alias, category)"
    " WHERE waiting.alias = settled.alias AND waiting.category = settled.category"
)
RAISE = text(
    "INSERT INTO waiting (alias, category)"
    " SELECT alias, category FROM unnest(CAST(:aliases AS uuid[]), CAST(:categories AS text[]))"
    "  AS new (alias, category)"
    " WHERE NOT EXISTS (SELECT FROM departed WHERE departed.alias = new.alias AND (closed OR erased))"
    " ORDER BY alias, category"
    " ON CONFLICT DO NOTHING"
)
DEPART = text(
    "INSERT INTO departed AS d (alias, closed, erased, version)"
    " SELECT alias, closed, erased, version"
    " FROM unnest(CAST(:aliases AS uuid[]), CAST(:closed AS boolean[]), CAST(:erased AS boolean[]),"
    "  CAST(:versions AS bigint[])) AS told (alias, closed, erased, version)"
    " WHERE closed OR erased OR EXISTS (SELECT FROM departed known WHERE known.alias = told.alias)"
    " ORDER BY alias"
    " ON CONFLICT (alias) DO UPDATE SET closed = excluded.closed, erased = excluded.erased, version = excluded.version"
    " WHERE excluded.version > d.version AND NOT d.erased"
)
LOWER_ALL = text(
    "DELETE FROM waiting WHERE alias IN (SELECT alias FROM departed WHERE alias = ANY(CAST(:aliases AS uuid[]))"
    " AND (closed OR erased))"
)
HAS_LEFT = text("SELECT EXISTS (SELECT FROM departed WHERE alias = :alias AND (closed OR erased))")
WAITING = text("SELECT category FROM waiting WHERE alias = :alias ORDER BY category")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of a category is new for an alias; or, when `settled`, has been looked at."""

    alias: UUID
    category: str
    settled: bool


async def apply_notices(session: AsyncSession, notices: Sequence[Notice]) -> None:
    """Raise and lower flags as the last notice of each alias and category says.

    A flag's row shares its transaction with the inbox's, which bears a date, and rows stand as they came: so all
    flags are written anew each time, or a copy would tell since which day something waits for whom.
    """
    await session.execute(ONE_AT_A_TIME)
    last = {(notice.alias, notice.category): notice.settled for notice in notices}
    for statement, settled in ((LOWER, True), (RAISE, False)):
        these = [flag for flag, is_settled in last.items() if is_settled is settled]
        if these:
            await session.execute(
                statement,
                {"aliases": [alias for alias, _ in these], "categories": [category for _, category in these]},
            )
    await shuffle(session, "waiting")


async def apply_departures(session: AsyncSession, told: Sequence[AudienceAlias]) -> None:
    """Forget the flags of aliases that are closed or erased, and refuse them from now on; erased is for good."""
    await session.execute(ONE_AT_A_TIME)
    aliases = [alias.id for alias in told]
    await session.execute(
        DEPART,
        {
            "aliases": aliases,
            "closed": [alias.closed for alias in told],
            "erased": [alias.erased for alias in told],
            "versions": [alias.version for alias in told],
        },
    )
    await session.execute(LOWER_ALL, {"aliases": aliases})


async def has_left(session: AsyncSession, alias: UUID) -> bool:
    """Whether the alias is closed or erased."""
    return bool(await session.scalar(HAS_LEFT, {"alias": alias}))


async def waiting(session: AsyncSession, alias: UUID) -> list[str]:
    """The categories of which something is new."""
    return list((await session.scalars(WAITING, {"alias": alias})).all())
