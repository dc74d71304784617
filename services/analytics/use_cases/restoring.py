"""What analytics' own records say beyond a restored database.

A study's record doesn't have its title, fields and analyst: one that was proposed since the backup is lost, and its
record is erased; what was published of it stays, or a second study beside it could be subtracted. A research row is whole: what was counted since the backup is counted again. What was published stands
on its topic, and isn't computed a second time.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import Study
from services.analytics.policy import Published
from services.analytics.use_cases import engagement, publishing
from shared import hlc
from shared.contracts.payloads.analytics import ResearchRow, StudyRecorded, SummaryPublished
from shared.contracts.topics import STUDIES
from shared.outbox import add as outbox

BY_COMMUNITY = "cafes_by_community"
NEWER = text(
    """SELECT s.alias FROM study_aliases AS s
    JOIN unnest(CAST(:aliases AS uuid[]), CAST(:versions AS bigint[])) AS told (alias, version)
        ON told.alias = s.alias AND told.version > coalesce(s.row_version, -1)
    ORDER BY s.alias FOR UPDATE OF s"""
)
FORGET = text("DELETE FROM activity WHERE alias = ANY (CAST(:aliases AS uuid[])) RETURNING alias, acts")
ERASE = text("UPDATE study_aliases SET erased = true WHERE alias = ANY (CAST(:aliases AS uuid[]))")
ROWS = text(
    """SELECT alias, source, row_version, erased FROM study_aliases
    WHERE study_id = :study AND row_version IS NOT NULL AND alias > :after ORDER BY alias LIMIT :limit"""
)
PUBLICATIONS = text(
    """SELECT study_id, since, until, figures, made_on FROM publications WHERE study_id > :after ORDER BY study_id LIMIT 20"""
)
IS_PUBLISHED = text("SELECT EXISTS (SELECT FROM publications WHERE study_id = :study)")
FIRST = UUID(int=0)


async def take_studies(session: AsyncSession, told: Mapping[UUID, StudyRecorded], zone: str) -> None:
    """Take what is newer of the studies that are here."""
    here = await session.scalars(select(Study).where(Study.id.in_(told)).order_by(Study.id).with_for_update())
    for study in here:
        study.take_back(told[study.id], ZoneInfo(zone))


async def erase_lost(
    session: AsyncSession, recorded: Sequence[StudyRecorded], home: str, at: datetime
) -> None:
    """Say of studies that aren't here that they are gone, and where they were: identity ends their enrolments."""
    here = set(await session.scalars(select(Study.id)))
    for study in recorded:
        if study.erased or study.id in here:
            continue
        gone = StudyRecorded(
            id=study.id,
            home=home,
            version=hlc.next_version(study.version, at),
            erased=True,
            communities=study.communities,
            status="closed",
        )
        await outbox.add(session, STUDIES, study.id, gone)


async def take_rows(session: AsyncSession, rows: Sequence[ResearchRow]) -> None:
    """Count what newer rows count; their acts have been received."""
    by_alias = {row.id: row for row in rows}
    for row in by_alias.values():
        named = {"source": row.source, "aliases": [row.id], "studies": [row.study_id]}
        await session.execute(engagement.NAME, named)
    versions = [row.version for row in by_alias.values()]
    newer = list(await session.scalars(NEWER, {"aliases": list(by_alias), "versions": versions}))
    if not newer:
        return
    received = Counter[tuple[UUID, str]]()
    for gone in await session.execute(FORGET, {"aliases": newer}):
        row = by_alias[gone.alias]
        received[row.study_id, row.source] -= 0 if row.erased else gone.acts
    counted = [
        (alias, day, kind, acts)
        for alias in newer
        for day, kinds in by_alias[alias].days.items()
        for kind, acts in kinds.items()
    ]
    await session.execute(
        engagement.COUNT,
        {
            "aliases": [alias for alias, _, _, _ in counted],
            "days": [day for _, day, _, _ in counted],
            "kinds": [kind for _, _, kind, _ in counted],
            "acts": [acts for _, _, _, acts in counted],
        },
    )
    for alias, _, _, acts in counted:
        received[by_alias[alias].study_id, by_alias[alias].source] += acts
    for (study_id, source), records in received.items():
        told = {"source": source, "studies": [study_id], "records": [max(0, records)]}
        await session.execute(engagement.RECEIVE, told)
    await session.execute(
        engagement.TELL, {"aliases": newer, "versions": [by_alias[alias].version for alias in newer]}
    )
    await session.execute(ERASE, {"aliases": [alias for alias in newer if by_alias[alias].erased]})


async def rows_of(
    study_id: UUID, home: str, session: AsyncSession, after: UUID | None, limit: int
) -> list[ResearchRow]:
    """A page of a study's research rows, as its stream should have them."""
    found = (await session.execute(ROWS, {"study": study_id, "after": after or FIRST, "limit": limit})).all()
    days: dict[UUID, dict[date, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for act in await session.execute(engagement.ALL_DAYS, {"aliases": [row.alias for row in found]}):
        days[act.alias][act.day][act.kind] = act.acts
    return [
        ResearchRow(
            id=row.alias,
            home=home,
            version=row.row_version,
            erased=row.erased,
            study_id=study_id,
            source=row.source,
            days=dict(sorted(days[row.alias].items())),
        )
        for row in found
    ]


async def publish_no_study_twice(
    session: AsyncSession, said: Sequence[SummaryPublished], recorded: Mapping[UUID, StudyRecorded]
) -> None:
    """Studies whose figures everyone may read already are closed with these figures; what isn't there stays untold.

    `recorded`: the last record of every study, which says where a study was that isn't here any more.
    """
    by_study: dict[UUID, list[SummaryPublished]] = defaultdict(list)
    for one in said:
        by_study[one.study_id].append(one)
    for study_id, figures in by_study.items():
        study = await session.get(Study, study_id, with_for_update=True)
        if await session.scalar(IS_PUBLISHED, {"study": study_id}):
            continue
        if study is not None:
            communities = study.communities
            study.status = "closed"
        else:
            communities = list(recorded[study_id].communities) if study_id in recorded else []
        values: dict[str, Any] = {one.metric: one.value for one in figures}
        published = {field.name: values.get(field.name) for field in fields(Published)}
        published[BY_COMMUNITY] = [
            values.get(f"{BY_COMMUNITY}/{place}") for place in range(1, len(communities) + 1)
        ]
        since, _, until = figures[0].period.partition("--")
        await session.execute(
            publishing.STORE,
            {
                "study": study_id,
                "communities": communities,
                "since": date.fromisoformat(since),
                "until": date.fromisoformat(until),
                "figures": json.dumps(published),
                "today": hlc.time_of(figures[0].version).date(),
            },
        )


async def summaries(
    home: str, session: AsyncSession, after: str | None, _limit: int
) -> list[SummaryPublished]:
    """The published figures of some studies after that of the record `after`."""
    last = FIRST if after is None else UUID(after.split(":")[1])
    found: list[SummaryPublished] = []
    for row in await session.execute(PUBLICATIONS, {"after": last}):
        figures = dict(row.figures) | {BY_COMMUNITY: tuple(row.figures[BY_COMMUNITY])}
        period = f"{row.since}--{row.until}"
        found += publishing.summaries_of(Published(**figures), row.study_id, period, row.made_on, home)
    return found
