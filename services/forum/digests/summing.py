"""Sums up what this region has of each home, and keeps it: this region's own last sums are what it compares with."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.digests.telling import tell
from services.forum.ids import Home
from services.forum.replicas.marking import mark_buckets
from services.forum.rules.buckets import (
    KINDS,
    Kind,
    bounds,
    bucket_of,
    is_bucket,
    mark_at,
    newest_mark,
)
from services.forum.rules.digests import SNAPSHOTS, SUM_BITS, Snapshot
from shared import clock
from shared.hlc import COUNTER_BITS, milliseconds

# What failed comes last, and of that first what wasn't tried for longest.
TO_SUM = text(
    "SELECT kind, bucket, array_agg(seq) AS seqs, max(seq) FILTER (WHERE failing_since IS NOT NULL) AS tried"
    " FROM buckets_to_sum GROUP BY kind, bucket ORDER BY tried NULLS FIRST, kind, bucket"
)
SUMMED = text("DELETE FROM buckets_to_sum WHERE seq = ANY (CAST(:seqs AS bigint[]))")
FAILED = text(
    "WITH before AS ("
    "DELETE FROM buckets_to_sum WHERE seq = ANY (CAST(:seqs AS bigint[])) RETURNING failing_since)"
    " INSERT INTO buckets_to_sum (kind, bucket, failing_since)"
    " SELECT CAST(:kind AS text), CAST(:bucket AS bigint), coalesce(min(failing_since), CAST(:mark AS bigint)) FROM before"
)
REGIONS = text("SELECT region, marks FROM digest_regions")
BY_ID = {"moderation": "target_id", "erasures": "erasure_id"}  # of the other kinds the id itself
# Nobody waits for it, and a bucket may be large, or a forum have many.
TAKE_TIME = (text("SET LOCAL transaction_timeout = 0"), text("SET LOCAL statement_timeout = '60s'"))
STORED = text(
    "SELECT home, sum, until, sums, sums_at FROM digests WHERE kind = :kind AND bucket = :bucket FOR UPDATE"
)
STORE = text(
    "INSERT INTO digests (home, kind, bucket, sum, until, published_at, sums, sums_at)"
    " VALUES (:home, :kind, :bucket, :sum, :until, :at, :sums, :sums_at)"
    " ON CONFLICT (home, kind, bucket) DO UPDATE SET sum = excluded.sum, until = excluded.until,"
    " published_at = excluded.published_at, sums = excluded.sums, sums_at = excluded.sums_at"
)
KNOWN = text("SELECT DISTINCT kind, bucket FROM digests")
LOWEST = UUID(int=0)
NEXT = {
    kind: text(f"SELECT {by} FROM {kind} WHERE {by} > :after ORDER BY {by} LIMIT 1")
    for kind in KINDS
    for by in (BY_ID.get(kind, "id"),)
}


def sum_up(kind: Kind) -> str:
    """As `rules.digests.sum_of`. Takes :low, :high, :homes, :untils; tells too whether rows are too new to be in it."""
    by = BY_ID.get(kind, "id")
    whole = "sha256(convert_to(t.id::text, 'UTF8') || int8send(t.version))"
    hashed = f"('x' || encode(substring({whole} FOR 8), 'hex'))::bit(64)::bigint"
    return (
        f"SELECT t.home, sum({hashed}) FILTER (WHERE t.version < h.until) AS sum,"
        f" bool_or(t.version >= h.until) AS unsettled FROM {kind} t"
        " JOIN unnest(CAST(:homes AS text[]), CAST(:untils AS bigint[])) AS h (home, until) ON h.home = t.home"
        f" WHERE t.{by} BETWEEN CAST(:low AS uuid) AND CAST(:high AS uuid) GROUP BY t.home"
    )


SUM_UP = {kind: text(sum_up(kind)) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Summed:
    """A bucket of one home. `settled`: every row is in it."""

    sum: int = 0
    settled: bool = True


NOTHING = Summed()


@dataclass(frozen=True, slots=True)
class Noted:
    """A bucket that may have changed. `seqs`: its notes, by which it is struck out; `failing`: so it did last time."""

    kind: Kind
    bucket: int
    seqs: Sequence[int]
    failing: bool


async def buckets_to_sum(session: AsyncSession) -> Sequence[Noted]:
    """Every bucket that was noted, once; last those that failed."""
    rows = await session.execute(TO_SUM)
    return [Noted(row.kind, row.bucket, row.seqs, row.tried is not None) for row in rows]


async def marks(
    session: AsyncSession, home: Home, neighbours: Collection[str], settle_ms: int
) -> Mapping[str, int]:
    """The mark of each home whose rows can be summed up: this region's own, and of neighbours that told one.

    By `settle_ms` ours stays back: what is below it has been committed, mirrored and applied, or soon will be.
    """
    now = milliseconds(clock.now())
    found = {home.region: mark_at((home.clock.tick() >> COUNTER_BITS) - settle_ms)}
    for row in await session.execute(REGIONS):
        mark = newest_mark(row.marks, now)
        if row.region in neighbours and mark is not None:
            found[row.region] = mark
    return found


async def sum_bucket(
    session: AsyncSession, kind: Kind, bucket: int, untils: Mapping[str, int]
) -> Mapping[str, Summed]:
    """What this region has of each home in a bucket; homes without rows aren't there. In a transaction of its own."""
    for statement in TAKE_TIME:
        await session.execute(statement)
    low, high = bounds(kind, bucket)
    asked = {"low": low, "high": high, "homes": list(untils), "untils": list(untils.values())}
    rows = await session.execute(SUM_UP[kind], asked)
    return {row.home: Summed(int(row.sum or 0) % 2**SUM_BITS, not row.unsettled) for row in rows}


async def store(
    session: AsyncSession, home: Home, noted: Noted, untils: Mapping[str, int], found: Mapping[str, Summed]
) -> None:
    """Keep what was `found` of the homes in `untils`, and tell the sums that are other ones than before.

    The bucket is struck out of what is to be summed up; where rows were too new one note stays, and where this region
    isn't among `untils` all do. Sums are told all the same: up to their marks they are right, and somebody may write in
    a bucket without end.
    """
    kind, bucket = noted.kind, noted.bucket
    at = clock.now()
    before = {row.home: row for row in await session.execute(STORED, {"kind": kind, "bucket": bucket})}
    changed: list[dict[str, Any]] = []
    for about in sorted({*found, *before}.intersection(untils)):
        summed, known, until = found.get(about, NOTHING), before.get(about), untils[about]
        sum_ = hexadecimal(summed.sum)
        if known is not None and known.until == until and not summed.settled:
            continue  # what was edited since has left the sum up to this mark: the first one is the home's
        if known is None or known.sum != sum_:
            sums, sums_at = _remembered(known, sum_, until) if about == home.region else ([], [])
            changed.append({
                "home": about, "kind": kind, "bucket": bucket, "sum": sum_, "until": until, "at": at, "sums": sums,
                "sums_at": sums_at,
            })  # fmt: skip
    if changed:
        await session.execute(STORE, changed)
        await tell(session, home, changed)
    if home.region not in untils:
        return
    # By number: a batch that commits only now has noted rows which weren't in the sum.
    await session.execute(SUMMED, {"seqs": list(noted.seqs)})
    if not all(each.settled for each in found.values()):
        await mark_buckets(session, {(kind, bucket)})


async def failed(session: AsyncSession, noted: Noted, mark: int) -> None:
    """A bucket couldn't be summed up: from this region's `mark` on nothing is known of it.

    Until it can be, its sums aren't told again, and what others tell of it isn't compared.
    """
    asked = {"kind": noted.kind, "bucket": noted.bucket, "seqs": list(noted.seqs), "mark": mark}
    await session.execute(FAILED, asked)


async def sum_everything(session: AsyncSession) -> None:
    """Have every bucket summed up that has rows or had some. By index: as many looks as there are buckets.

    What is above all that there can be isn't looked at (`replicas.marking`).
    """
    now = milliseconds(clock.now())
    for statement in TAKE_TIME:
        await session.execute(statement)
    found: set[tuple[Kind, int]] = {(row.kind, row.bucket) for row in await session.execute(KNOWN)}
    for kind in KINDS:
        after = LOWEST
        while (id_ := await session.scalar(NEXT[kind], {"after": after})) is not None:
            bucket = bucket_of(kind, id_)
            if not is_bucket(kind, bucket, now):
                break
            found.add((kind, bucket))
            after = bounds(kind, bucket)[1]
    await mark_buckets(session, {place for place in found if is_bucket(*place, now)})


def hexadecimal(sum_: int) -> str:
    """A sum as records and tables have it."""
    return f"{sum_:016x}"


def snapshots_of(row: Any) -> Sequence[Snapshot]:
    """This region's own last sums of a bucket, the newest last."""
    return [Snapshot(at, int(sum_, 16)) for sum_, at in zip(row.sums, row.sums_at, strict=True)]


def _remembered(known: Any, sum_: str, until: int) -> tuple[list[str], list[int]]:
    sums, sums_at = ([], []) if known is None else (known.sums, known.sums_at)
    return [*sums, sum_][-SNAPSHOTS:], [*sums_at, until >> COUNTER_BITS][-SNAPSHOTS:]
