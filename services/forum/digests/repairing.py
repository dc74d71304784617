"""Publishes a bucket of this region's again, for whoever lacks some of it: the same states, at new places in Kafka."""

from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.digests.summing import BY_ID
from services.forum.ids import Home
from services.forum.replicas.marking import KIND_OF
from services.forum.replicas.tables import TABLES, Table
from services.forum.rules.buckets import Kind, bounds
from shared.outbox import add as outbox

AT_ONCE = 500  # rows published in one transaction
DUE = text(
    "SELECT kind, bucket, max(repairs) > 1 AS above FROM digest_comparisons WHERE repair_due GROUP BY kind, bucket"
    " ORDER BY kind, bucket"
)
DONE = text(
    "UPDATE digest_comparisons SET repair_due = false, repaired = repaired + 1"
    " WHERE kind = :kind AND bucket = :bucket AND repair_due"
)
TABLE_OF: dict[Kind, Table] = {kind: TABLES[topic] for topic, kind in KIND_OF.items()}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Repair:
    """`above`: the bucket was published as it is within the last day and differs again, so its rows get new versions.

    A neighbour may have higher ones, given before this region was restored, and until then those stand there.
    """

    kind: Kind
    bucket: int
    above: bool


async def due(session: AsyncSession) -> list[Repair]:
    """What is to be published again."""
    return [Repair(row.kind, row.bucket, row.above) for row in await session.execute(DUE)]


async def publish_again(sessions: async_sessionmaker[AsyncSession], home: Home, repair: Repair) -> None:
    """All rows of this region in a bucket, some in each transaction; begun anew where it was interrupted."""
    after: Any = None
    count = 0
    while True:
        async with sessions() as session, session.begin():
            ids = await _some(session, home, repair, after)
            if not ids:
                await session.execute(DONE, {"kind": repair.kind, "bucket": repair.bucket})
                break
        after = ids[-1]
        count += len(ids)
    _log.warning(
        "a bucket was published again",
        kind=repair.kind,
        bucket=repair.bucket,
        count=count,
        above=repair.above,
    )


async def _some(session: AsyncSession, home: Home, repair: Repair, after: Any) -> list[Any]:
    table = TABLE_OF[repair.kind]
    entity: Any = table.entity
    low, high = bounds(repair.kind, repair.bucket)
    chosen = select(entity).where(
        getattr(entity, BY_ID.get(repair.kind, "id")).between(low, high), entity.home == home.region
    )
    if after is not None:
        chosen = chosen.where(entity.id > after)
    # Locked, so that whoever changes one meanwhile publishes it after this.
    rows = list(await session.scalars(chosen.order_by(entity.id).limit(AT_ONCE).with_for_update()))
    if repair.above:
        for row in rows:
            row.rewrite(home)
        await session.flush()
    await outbox.add_all(session, table.topic, [(row.id, row.record()) for row in rows])
    return [row.id for row in rows]
