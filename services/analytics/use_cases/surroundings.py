"""What other services say around the acts: cafés, the counts at a closing, closed accounts."""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.payloads.events import GatheringRecorded
from shared.contracts.payloads.identity import AudienceAlias, StudyJourneys

GATHERING_COLUMNS = ("id", "version", "erased", "community_id", "day", "cancelled", "head_count")
TAKE_GATHERINGS = text(
    """INSERT INTO gatherings AS g (id, version, erased, community_id, day, cancelled, head_count)
    VALUES (:id, :version, :erased, :community_id, :day, :cancelled, :head_count)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, erased = excluded.erased,
        community_id = excluded.community_id, day = excluded.day, cancelled = excluded.cancelled,
        head_count = excluded.head_count
    WHERE excluded.version > g.version"""
)
TAKE_JOURNEYS = text(
    """INSERT INTO journeys AS j (study_id, version, counts, rows)
    VALUES (:id, :version, CAST(:counts AS jsonb), CAST(:rows AS jsonb))
    ON CONFLICT (study_id) DO UPDATE SET version = excluded.version, counts = excluded.counts, rows = excluded.rows
    WHERE excluded.version > j.version"""
)
TAKE_ACCOUNTS = text(
    """INSERT INTO accounts AS a (alias, version, closed) VALUES (:alias, :version, :closed)
    ON CONFLICT (alias) DO UPDATE SET version = excluded.version, closed = excluded.closed
    WHERE excluded.version > a.version"""
)


async def take_gatherings(session: AsyncSession, gatherings: Sequence[GatheringRecorded]) -> None:
    """Cafés with their day and head count, of every community: which ones a study may see is decided when reading."""
    await session.execute(
        TAKE_GATHERINGS,
        [gathering.model_dump(include=set(GATHERING_COLUMNS)) for gathering in gatherings],
    )


async def take_journeys(session: AsyncSession, journeys: Sequence[StudyJourneys]) -> None:
    """The table of counts at a closing, and how many records to wait for."""
    await session.execute(
        TAKE_JOURNEYS,
        [
            {
                "id": one.id,
                "version": one.version,
                "counts": json.dumps(one.counts),
                "rows": json.dumps(one.rows),
            }
            for one in journeys
        ],
    )


async def take_accounts(session: AsyncSession, accounts: Sequence[AudienceAlias]) -> None:
    """Analysts and operators who were closed or erased: refused from now on whatever their token."""
    await session.execute(
        TAKE_ACCOUNTS,
        [
            {"alias": account.id, "version": account.version, "closed": account.closed or account.erased}
            for account in accounts
        ],
    )
