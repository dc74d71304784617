"""What neighbours say of erasures here: for whoever erased, and for operators."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.statements import Fetches

PATIENCE = timedelta(days=1)

# An answer is about the profiles that it names: whoever has read an erasure id may have asked for something else by it.
# Of an erasure that took along nothing, because there was no forum name yet, no region ever hears.
CONFIRMED = """SELECT r.region, (a.arrived_at AT TIME ZONE 'UTC')::date AS confirmed_on
    FROM erasures e CROSS JOIN unnest($3::text[]) AS r (region)
    LEFT JOIN erasures a ON a.id = $1::text || ':' || r.region AND a.acknowledged
        AND a.profiles @> e.profiles
    WHERE e.id = $1::text || ':' || $2::text ORDER BY r.region"""
MISSING = text("""
SELECT r.region, count(*) AS erasures FROM erasures e, unnest(CAST(:neighbours AS text[])) AS r (region)
WHERE e.home = :home AND cardinality(e.profiles) > 0 AND e.arrived_at < :before
    AND NOT EXISTS (SELECT FROM erasures a WHERE a.id = e.erasure_id || ':' || r.region AND a.acknowledged
        AND a.profiles @> e.profiles)
GROUP BY r.region
""")


async def confirmations(
    database: Fetches, erasure_id: UUID, home: str, neighbours: Sequence[str]
) -> list[dict[str, Any]]:
    """Each neighbour, and the day on which it told us that it has erased (None: not yet). `erasure_id`: among regions."""
    rows = await database.fetch(CONFIRMED, str(erasure_id), home, list(neighbours))
    return [{"region": row["region"], "confirmed_on": row["confirmed_on"]} for row in rows]


async def missing(
    session: AsyncSession, home: str, neighbours: Sequence[str], now: datetime
) -> dict[str, int]:
    """The neighbours that haven't confirmed erasures for more than a day, and how many."""
    asked = {"home": home, "neighbours": list(neighbours), "before": now - PATIENCE}
    return {row.region: row.erasures for row in await session.execute(MISSING, asked)}
