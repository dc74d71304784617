"""What arrives about study aliases: their acts, once each, and their erasure, for ever."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import KIND_OF, Kind
from shared import hlc
from shared.contracts.payloads.analytics import ResearchRow
from shared.contracts.payloads.identity import Source, StudyAlias
from shared.contracts.topics import research_topic
from shared.outbox import add as outbox

# All of this file locks aliases in their order, so that no two batches wait for each other in a circle.
NAME = text(
    """INSERT INTO study_aliases (alias, study_id, source, version, erased)
    SELECT alias, study_id, :source, 0, false
    FROM unnest(CAST(:aliases AS uuid[]), CAST(:studies AS uuid[])) AS named (alias, study_id) ORDER BY alias
    ON CONFLICT (alias) DO NOTHING"""
)
# The lock decides between an act and an erasure: whichever comes second sees the other.
LOCK = text(
    """SELECT alias, study_id, source, row_version, fields FROM study_aliases JOIN studies ON studies.id = study_id
    WHERE alias = ANY (CAST(:aliases AS uuid[])) AND NOT erased AND opened_on IS NOT NULL
    ORDER BY alias FOR UPDATE OF study_aliases"""
)
COUNT = text(
    """INSERT INTO activity AS a (alias, day, kind, acts)
    SELECT * FROM unnest(CAST(:aliases AS uuid[]), CAST(:days AS date[]), CAST(:kinds AS text[]),
        CAST(:acts AS integer[]))
    ON CONFLICT (alias, day, kind) DO UPDATE SET acts = a.acts + excluded.acts"""
)
RECEIVE = text(
    """INSERT INTO received AS r (study_id, source, records)
    SELECT study_id, :source, records
    FROM unnest(CAST(:studies AS uuid[]), CAST(:records AS bigint[])) AS come (study_id, records) ORDER BY study_id
    ON CONFLICT (study_id, source) DO UPDATE SET records = r.records + excluded.records"""
)
ALL_DAYS = text("SELECT alias, day, kind, acts FROM activity WHERE alias = ANY (CAST(:aliases AS uuid[]))")
TELL = text(
    """UPDATE study_aliases AS s SET row_version = told.version
    FROM unnest(CAST(:aliases AS uuid[]), CAST(:versions AS bigint[])) AS told (alias, version)
    WHERE s.alias = told.alias"""
)
TAKE = text(
    """INSERT INTO study_aliases AS s (alias, study_id, source, version, erased)
    SELECT * FROM unnest(CAST(:aliases AS uuid[]), CAST(:studies AS uuid[]), CAST(:sources AS text[]),
        CAST(:versions AS bigint[]), CAST(:erased AS boolean[])) AS n (alias, study_id, source, version, erased)
    ORDER BY alias
    ON CONFLICT (alias) DO UPDATE SET version = excluded.version, erased = s.erased OR excluded.erased
        WHERE excluded.version > s.version
    RETURNING alias, study_id, source, row_version, erased,
        EXISTS (SELECT FROM studies WHERE id = s.study_id AND opened_on IS NOT NULL) AS has_stream"""
)
FORGET = text("DELETE FROM activity WHERE alias = ANY (CAST(:aliases AS uuid[]))")


@dataclass(frozen=True, slots=True)
class Act:
    """One engagement record: an act of one study alias on one day."""

    alias: UUID
    study_id: UUID
    kind: Kind
    day: date


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a study alias' research row goes."""

    alias: UUID
    study_id: UUID
    source: Source
    version: int


def _next(previous: int | None, today: date) -> int:
    """Versions of rows tell the day, no time."""
    return hlc.next_version(previous, datetime.combine(today, time(), UTC))


async def count_acts(
    session: AsyncSession, source: Source, acts: Sequence[Act], *, today: date, home: str
) -> None:
    """Add acts that were not counted before. Those of an erased alias, or of a field the study has not, are dropped."""
    studies = {act.alias: act.study_id for act in sorted(acts, key=lambda act: act.alias)}
    await session.execute(
        NAME, {"source": source, "aliases": list(studies), "studies": list(studies.values())}
    )
    locked = (await session.execute(LOCK, {"aliases": list(studies)})).all()
    wanted = {row.alias: {KIND_OF[field] for field in row.fields if field in KIND_OF} for row in locked}
    counted = Counter((act.alias, act.day, act.kind) for act in acts if act.kind in wanted.get(act.alias, ()))
    if counted:
        await session.execute(
            COUNT,
            {
                "aliases": [alias for alias, _, _ in counted],
                "days": [day for _, day, _ in counted],
                "kinds": [kind for _, _, kind in counted],
                "acts": list(counted.values()),
            },
        )
    received = Counter(act.study_id for act in acts)
    await session.execute(
        RECEIVE, {"source": source, "studies": list(received), "records": list(received.values())}
    )
    touched = {alias for alias, _, _ in counted}
    await _publish_rows(
        session,
        [
            _Row(row.alias, row.study_id, row.source, _next(row.row_version, today))
            for row in locked
            if row.alias in touched
        ],
        home,
    )


async def take_aliases(
    session: AsyncSession, aliases: Sequence[StudyAlias], *, today: date, home: str
) -> None:
    """Know study aliases; of erased ones delete every row and say so in the study's stream."""
    taken = await session.execute(
        TAKE,
        {
            "aliases": [alias.id for alias in aliases],
            "studies": [alias.study_id for alias in aliases],
            "sources": [alias.source for alias in aliases],
            "versions": [alias.version for alias in aliases],
            "erased": [alias.erased for alias in aliases],
        },
    )
    erased = [row for row in taken if row.erased]
    if not erased:
        return
    await session.execute(FORGET, {"aliases": [row.alias for row in erased]})
    rows = [
        _Row(row.alias, row.study_id, row.source, _next(row.row_version, today))
        for row in erased
        if row.has_stream
    ]
    await _tell(session, rows)
    for row in rows:
        gone = ResearchRow(
            id=row.alias,
            home=home,
            version=row.version,
            erased=True,
            study_id=row.study_id,
            source=row.source,
        )
        await outbox.add_all(session, research_topic(row.study_id), [(row.alias, gone)])


async def _publish_rows(session: AsyncSession, rows: Sequence[_Row], home: str) -> None:
    """Each alias' whole row, as its study's analyst may read it."""
    if not rows:
        return
    days: dict[UUID, dict[date, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for act in await session.execute(ALL_DAYS, {"aliases": [row.alias for row in rows]}):
        days[act.alias][act.day][act.kind] = act.acts
    await _tell(session, rows)
    by_study: dict[UUID, list[ResearchRow]] = defaultdict(list)
    for row in rows:
        by_study[row.study_id].append(
            ResearchRow(
                id=row.alias,
                home=home,
                version=row.version,
                study_id=row.study_id,
                source=row.source,
                days=dict(sorted(days[row.alias].items())),
            )
        )
    for study_id, payloads in by_study.items():
        await outbox.add_all(
            session, research_topic(study_id), [(payload.id, payload) for payload in payloads]
        )


async def _tell(session: AsyncSession, rows: Sequence[_Row]) -> None:
    await session.execute(
        TELL, {"aliases": [row.alias for row in rows], "versions": [row.version for row in rows]}
    )
