"""Notes which buckets a batch of records falls into, so that they are summed up anew (services/forum/digests)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.replicas.tables import TABLES
from services.forum.rules.buckets import KINDS, Kind, bucket_of
from shared.bus.records import Received
from shared.contracts.payloads.forum import ErasureRequested, ModerationDecided

TO_SUM = text(
    "INSERT INTO buckets_to_sum (kind, bucket)"
    " SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:buckets AS bigint[]))"
)
KIND_OF: dict[str, Kind] = {
    topic: kind for topic, table in TABLES.items() for kind in KINDS if kind == table.name
}


async def mark(session: AsyncSession, records: Iterable[Received[Any]]) -> None:
    """The buckets of these records may have changed; in the transaction that changes them."""
    await mark_buckets(session, {_bucket_of(record) for record in records})


async def mark_buckets(session: AsyncSession, buckets: set[tuple[Kind, int]]) -> None:
    """These buckets may have changed."""
    if buckets:
        kinds, numbers = zip(*sorted(buckets), strict=True)
        await session.execute(TO_SUM, {"kinds": list(kinds), "buckets": list(numbers)})


def _bucket_of(record: Received[Any]) -> tuple[Kind, int]:
    kind, state = KIND_OF[record.topic], record.payload
    match state:
        case ModerationDecided():
            of: UUID = state.target_id
        case ErasureRequested():
            of = state.erasure_id
        case _:
            of = state.id
    return kind, bucket_of(kind, of)
