"""What neighbours' digests say: of this region's buckets, whether they have all; of theirs, that there are any."""

# ruff: noqa: S608 - a statement has a number of ours

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.digests.summing import snapshots_of
from services.forum.ids import Home
from services.forum.replicas.marking import mark_buckets
from services.forum.replicas.refusing import Refusals, refuse
from services.forum.replicas.refusing import judge as believe
from services.forum.rules.buckets import MARKS, Kind, is_bucket
from services.forum.rules.digests import Comparison, Snapshot, Step, Verdict, judge
from services.forum.rules.waiting import is_held
from shared import clock
from shared.bus.records import Received
from shared.contracts.payloads.forum import DigestSummed
from shared.hlc import COUNTER_BITS, milliseconds

HEARD = text(
    "INSERT INTO digest_regions AS r (region, marks, heard_at) VALUES (:region, CAST(:marks AS bigint[]), :at)"
    " ON CONFLICT (region) DO UPDATE SET heard_at = excluded.heard_at, marks = ("
    "SELECT array_agg(mark) FROM (SELECT DISTINCT mark FROM unnest(r.marks || excluded.marks) AS mark"
    f" ORDER BY mark DESC LIMIT {MARKS}) newest)"
)
LEARN = text("INSERT INTO digests (home, kind, bucket) VALUES (:home, :kind, :bucket) ON CONFLICT DO NOTHING")
UNKNOWN = text(
    "SELECT home, kind, bucket FROM unnest(CAST(:homes AS text[]), CAST(:kinds AS text[]), CAST(:buckets AS bigint[]))"
    " AS told (home, kind, bucket) WHERE NOT EXISTS (SELECT FROM digests d"
    " WHERE (d.home, d.kind, d.bucket) = (told.home, told.kind, told.bucket)) ORDER BY home, kind, bucket"
)
ANSWER = text(
    "UPDATE digests d SET published_at = NULL FROM unnest(CAST(:homes AS text[]), CAST(:kinds AS text[]),"
    " CAST(:buckets AS bigint[]), CAST(:sums AS text[])) AS told (home, kind, bucket, sum)"
    " WHERE (d.home, d.kind, d.bucket) = (told.home, told.kind, told.bucket) AND d.sum <> told.sum"
)
OWN = text(
    "SELECT d.kind, d.bucket, d.sums, d.sums_at, f.failing_since FROM digests d"
    " JOIN unnest(CAST(:kinds AS text[]), CAST(:buckets AS bigint[])) AS told (kind, bucket)"
    " ON (d.kind, d.bucket) = (told.kind, told.bucket)"
    " LEFT JOIN (SELECT kind, bucket, min(failing_since) AS failing_since FROM buckets_to_sum"
    " WHERE failing_since IS NOT NULL GROUP BY kind, bucket) f ON (f.kind, f.bucket) = (d.kind, d.bucket)"
    " WHERE d.home = :home"
)
COMPARED = text(
    "SELECT c.* FROM digest_comparisons c"
    " JOIN unnest(CAST(:homes AS text[]), CAST(:kinds AS text[]), CAST(:buckets AS bigint[]))"
    " AS told (region, kind, bucket) ON (c.region, c.kind, c.bucket) = (told.region, told.kind, told.bucket)"
)
KEEP = text(
    "INSERT INTO digest_comparisons AS c (region, kind, bucket, version, verdict, compared_at, counted_at, differences,"
    " repairs, last_repair_at, alarmed, repair_due, repaired)"
    " VALUES (:region, :kind, :bucket, :version, :verdict, :at, :counted_at, :differences, :repairs, :last_repair_at,"
    " :alarmed, :due, 0)"
    " ON CONFLICT (region, kind, bucket) DO UPDATE SET version = excluded.version, verdict = excluded.verdict,"
    " compared_at = excluded.compared_at, counted_at = excluded.counted_at, differences = excluded.differences,"
    " repairs = excluded.repairs, last_repair_at = excluded.last_repair_at, alarmed = excluded.alarmed,"
    " repair_due = excluded.repair_due"
)
_log = structlog.get_logger()


class Hearing:
    """Takes the digests topic. Our own digests say nothing new, and a third region's home is none of our business."""

    def __init__(
        self,
        home: Home,
        neighbours: Collection[str],
        refused: Refusals,
        apart: timedelta,
        heard: Callable[[], None],
    ) -> None:
        """`heard` is called when a neighbour has told of its own.

        `apart`: how long after the digest that counted last one must be heard to count as another difference. So three of
        them take twice that at least, however often a bucket is told: who catches up isn't sent it again.
        """
        self._home = home
        self._apart = apart
        self._heard = heard
        self._neighbours = frozenset(neighbours)
        self._refused = refused

    async def apply(self, session: AsyncSession, received: list[Received[DigestSummed]]) -> None:
        """A batch with the newest digest of each bucket and region."""
        at = clock.now()
        told = await self._believable(
            session, [record for record in received if record.origin is not None], at
        )
        theirs = [digest for digest in told if digest.about == digest.home]
        ours = [digest for digest in told if digest.about == self._home.region]
        await _hear(session, theirs, at)
        await _learn(session, theirs + ours)
        await _answer(session, theirs)
        await self._compare(session, ours, at)
        if theirs:
            self._heard()

    async def _believable(
        self, session: AsyncSession, received: list[Received[DigestSummed]], at: datetime
    ) -> list[DigestSummed]:
        genuine, refused = believe(received, self._home.region, self._neighbours)
        await refuse(session, refused, self._refused)
        # Of other buckets a later release may know.
        return [
            record.payload
            for record in genuine
            if is_bucket(record.payload.kind, record.payload.bucket, milliseconds(at))
        ]

    async def _compare(self, session: AsyncSession, told: list[DigestSummed], at: datetime) -> None:
        if not told:
            return
        asked = _places([(digest.home, digest.kind, digest.bucket) for digest in told])
        own = {
            (row.kind, row.bucket): (snapshots_of(row), row.failing_since)
            for row in await session.execute(OWN, asked | {"home": self._home.region})
        }
        known = {(row.region, row.kind, row.bucket): row for row in await session.execute(COMPARED, asked)}
        compared: list[dict[str, Any]] = []
        for digest in told:
            before = known.get((digest.home, digest.kind, digest.bucket))
            verdict = verdict_on(digest, *own.get((digest.kind, digest.bucket), ((), None)))
            if verdict is not None and not (before is not None and _came_before(digest, before.version, at)):
                compared.append(_next(digest, before, verdict, at, self._apart))
        if compared:
            await session.execute(KEEP, compared)


def verdict_on(
    digest: DigestSummed, own: Sequence[Snapshot], failing_since: int | None = None
) -> Verdict | None:
    """What a digest of ours says: against what we had at the mark up to which it was summed up.

    Both are on our own clock, and the sums are of the same rows however fast the bucket changes, so nothing has to be
    quiet first. None while we have no sum from before that mark: this database is new, or comes from a backup; and
    from the mark on at which ours couldn't be summed up.
    """
    until_ms, told = digest.until >> COUNTER_BITS, int(digest.sum, 16)
    if own and told == own[-1].sum:
        return Verdict.SAME
    if failing_since is not None and failing_since <= digest.until:
        return None
    until_then = [snapshot for snapshot in own if snapshot.at_ms <= until_ms]
    return judge(until_then, told, until_ms, 0) if until_then else None


def _came_before(digest: DigestSummed, last: int, at: datetime) -> bool:
    """This one or a later one was heard. What a clock far ahead has told isn't later for ever."""
    return digest.version == last or (
        digest.version < last and not is_held(last, milliseconds(at), own=False)
    )


def _next(
    digest: DigestSummed, before: Any, verdict: Verdict, at: datetime, apart: timedelta
) -> dict[str, Any]:
    # By our own clock: what a neighbour says of its own would let it say how often something is published here.
    if verdict is Verdict.DIFFERENT and before is not None and before.counted_at is not None:
        since = at - before.counted_at
        if timedelta() <= since < apart:
            return {**before._mapping, "verdict": verdict.value, "at": at, "due": before.repair_due}  # noqa: SLF001 - SQLAlchemy's
    was = Comparison()
    if before is not None:
        was = Comparison(before.differences, before.repairs, before.alarmed, before.last_repair_at)
    now, step = was.after(verdict, at)
    place = {"region": digest.home, "kind": digest.kind, "bucket": digest.bucket}
    if step is Step.ALARM:
        _log.error("a region hasn't what we wrote after three repairs, and nothing more is tried", **place)
    if was.alarmed and not now.alarmed:
        _log.warning("a region that hadn't what we wrote has it now", **place)
    still_due = before is not None and before.repair_due and verdict is not Verdict.SAME
    return place | {
        "version": digest.version, "verdict": verdict.value, "at": at, "counted_at": at,
        "differences": now.differences, "repairs": now.repairs, "last_repair_at": now.last_repair_at,
        "alarmed": now.alarmed, "due": still_due or step is Step.REPAIR,
    }  # fmt: skip


async def _hear(session: AsyncSession, told: list[DigestSummed], at: datetime) -> None:
    """Homes' own digests name their marks."""
    marks: dict[str, set[int]] = {}
    for digest in told:
        marks.setdefault(digest.home, set()).add(digest.until)
    if marks:
        await session.execute(
            HEARD, [{"region": region, "marks": sorted(marks[region]), "at": at} for region in sorted(marks)]
        )


async def _learn(session: AsyncSession, told: list[DigestSummed]) -> None:
    """A bucket of which this region has nothing is summed up as well, for that must be told."""
    if not told:
        return
    places = _places(sorted({(digest.about, digest.kind, digest.bucket) for digest in told}))
    unknown = (await session.execute(UNKNOWN, places)).mappings().all()
    if unknown:
        await session.execute(LEARN, [dict(row) for row in unknown])
        learnt: set[tuple[Kind, int]] = {(row["kind"], row["bucket"]) for row in unknown}
        await mark_buckets(session, learnt)


async def _answer(session: AsyncSession, told: list[DigestSummed]) -> None:
    """Where a home sums up to something else than we last told, it hears of it in the next round, not after ten minutes."""
    if told:
        places = _places([(digest.home, digest.kind, digest.bucket) for digest in told])
        await session.execute(ANSWER, places | {"sums": [digest.sum for digest in told]})


def _places(told: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    homes, kinds, buckets = zip(*told, strict=True)
    return {"homes": list(homes), "kinds": list(kinds), "buckets": list(buckets)}
