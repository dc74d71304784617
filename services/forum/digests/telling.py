"""Publishes this region's digests: those that changed, and each again after a while."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from shared import clock
from shared.contracts.payloads.forum import DigestSummed
from shared.contracts.topics import DIGESTS
from shared.outbox import add as outbox

AT_ONCE = 500  # digests told in one transaction
# The sum is the same up to a newer mark too, or it would have been summed up anew; but where that failed. While a home's
# mark stays what it was (its link is cut), telling the same once more would only have it counted as a difference once
# more. Homes that are no neighbours any more ask nobody.
UNTOLD = text(
    "UPDATE digests d SET published_at = :at, until = old.newest"
    " FROM (SELECT t.home, t.kind, t.bucket, m.until AS newest FROM digests t"
    " JOIN unnest(CAST(:homes AS text[]), CAST(:untils AS bigint[])) AS m (home, until) ON m.home = t.home"
    " WHERE (t.published_at IS NULL OR t.published_at <= :before AND t.until <> m.until) AND t.sum IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM buckets_to_sum b WHERE b.kind = t.kind AND b.bucket = t.bucket"
    " AND b.failing_since IS NOT NULL)"
    " ORDER BY t.published_at NULLS FIRST LIMIT :limit) old"
    " WHERE (d.home, d.kind, d.bucket) = (old.home, old.kind, old.bucket)"
    " RETURNING d.home, d.kind, d.bucket, d.sum, d.until"
)


async def tell(session: AsyncSession, home: Home, digests: Iterable[Mapping[str, Any]]) -> None:
    """Publish these rows of `digests`."""
    await outbox.add_all(session, DIGESTS, [_record(home, digest) for digest in digests])


async def tell_again(session: AsyncSession, home: Home, untils: Mapping[str, int], every: timedelta) -> bool:
    """Tell some of what wasn't told for `every`, or is asked for; whether there may be more.

    Everything that was noted has been summed up to `untils`, or has failed.
    """
    at = clock.now()
    asked = {
        "at": at, "before": at - every, "homes": list(untils), "untils": list(untils.values()), "limit": AT_ONCE,
    }  # fmt: skip
    rows = [dict(row) for row in (await session.execute(UNTOLD, asked)).mappings()]
    await tell(session, home, rows)
    return len(rows) == AT_ONCE


def _record(home: Home, digest: Mapping[str, Any]) -> tuple[str, DigestSummed]:
    id_ = ":".join((home.region, digest["home"], digest["kind"], str(digest["bucket"])))
    return id_, DigestSummed(
        id=id_, home=home.region, version=home.clock.tick(), about=digest["home"], kind=digest["kind"],
        bucket=digest["bucket"], until=digest["until"], sum=digest["sum"],
    )  # fmt: skip
