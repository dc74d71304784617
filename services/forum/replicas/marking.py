"""Notes which buckets a batch of records falls into, so that they are summed up anew (services/forum/digests).

Only those that there can be: a decision's target may be any id, and each row of `digests` is told again and again.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.replicas.tables import TABLES
from services.forum.rules.buckets import KINDS, Kind, bucket_of, is_bucket
from shared.bus.records import Received
from shared.contracts.payloads.forum import ErasureRequested, ModerationDecided
from shared.contracts.payloads.payload import State

TO_SUM = text(
    "INSERT INTO buckets_to_sum (kind, bucket)"
    " SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:buckets AS bigint[]))"
)
KIND_OF: dict[str, Kind] = {
    topic: kind for topic, table in TABLES.items() for kind in KINDS if kind == table.name
}


def buckets_of(kind: Kind, records: Iterable[Received[Any]], now_ms: int) -> list[int]:
    """The buckets that may have changed with these records of one kind."""
    buckets = {_bucket_of(kind, record.payload) for record in records}
    return sorted(bucket for bucket in buckets if is_bucket(kind, bucket, now_ms))


async def mark_buckets(session: AsyncSession, buckets: set[tuple[Kind, int]]) -> None:
    """These buckets may have changed."""
    if buckets:
        kinds, numbers = zip(*sorted(buckets), strict=True)
        await session.execute(TO_SUM, {"kinds": list(kinds), "buckets": list(numbers)})


def _bucket_of(kind: Kind, state: State) -> int:
    match state:
        case ModerationDecided():
            of: Any = state.target_id
        case ErasureRequested():
            of = state.erasure_id
        case _:
            of = state.id
    return bucket_of(kind, of)
