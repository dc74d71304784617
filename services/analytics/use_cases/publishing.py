"""What everyone may read: made once, when everything counted of a closed study has arrived."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics import policy, queries
from services.analytics.models import Study
from services.analytics.policy import Published
from shared import hlc
from shared.contracts import topics
from shared.contracts.payloads.analytics import SummaryPublished
from shared.outbox import add as outbox

# Identity's table of counts says how many records it released; a source it doesn't name released none.
ARRIVED = text(
    """SELECT s.id FROM studies AS s JOIN journeys AS j ON j.study_id = s.id
    WHERE s.status = 'closing' AND NOT EXISTS (
        SELECT FROM jsonb_each_text(j.rows) AS expected (source, records)
        LEFT JOIN received AS r ON r.study_id = j.study_id AND r.source = expected.source
        WHERE coalesce(r.records, 0) < CAST(expected.records AS bigint))
    ORDER BY s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED"""
)
# Two studies of the same communities are published one after the other, so that the second sees the first.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('publications'))")
STORE = text(
    """INSERT INTO publications (study_id, communities, since, until, figures, made_on)
    VALUES (:study, :communities, :since, :until, CAST(:figures AS jsonb), :today)"""
)
EXTREMES = ("smallest_cafe", "largest_cafe")


async def complete_next(session: AsyncSession, *, minimum: int, today: date, home: str) -> int:
    """Publish one closing study of which everything has arrived; answers how many (0 or 1)."""
    arrived = await session.scalar(ARRIVED)
    if arrived is None:
        return 0
    await session.execute(ONE_AT_A_TIME)
    study = await session.get_one(Study, arrived)
    await _publish(session, study, minimum=minimum, today=today, home=home)
    return 1


async def _publish(session: AsyncSession, study: Study, *, minimum: int, today: date, home: str) -> None:
    since, until = study.since, study.closed_on or today
    published = policy.publish(
        await queries.figures(session, study, today),
        await queries.acts_per_person(session, study.id),
        minimum=minimum,
        communities=frozenset(study.communities),
        since=since,
        until=until,
        earlier=await queries.earlier_publications(session, study.communities),
    )
    published = _of_its_fields(published, study)
    await session.execute(
        STORE,
        {
            "study": study.id,
            "communities": study.communities,
            "since": since,
            "until": until,
            "figures": json.dumps(asdict(published)),
            "today": today,
        },
    )
    study.complete()
    await session.flush()
    await outbox.add_all(
        session,
        topics.SUMMARY,
        [(one.id, one) for one in summaries_of(published, study.id, f"{since}--{until}", today, home)],
    )


def _of_its_fields(published: Published, study: Study) -> Published:
    """Without what the study wasn't approved for."""
    without = {name: None for name in asdict(published) if name not in study.fields and name not in EXTREMES}
    if "cafes_by_community" in without:
        return replace(published, **(without | {"cafes_by_community": (None,) * len(study.communities)}))  # type: ignore[arg-type]
    return replace(published, **without)  # type: ignore[arg-type]


def summaries_of(
    published: Published, study_id: UUID, period: str, today: date, home: str
) -> list[SummaryPublished]:
    """One record per figure; those per community by the community's place in the study, never its id."""
    cells = asdict(published)
    by_community = cells.pop("cafes_by_community")
    cells |= {f"cafes_by_community/{place}": cafes for place, cafes in enumerate(by_community, start=1)}
    return [
        SummaryPublished(
            id=f"{home}:{study_id}:{period}:{metric}",
            home=home,
            version=hlc.version_at(datetime.combine(today, time(), UTC)),
            study_id=study_id,
            period=period,
            metric=metric,
            value=value,
        )
        for metric, value in cells.items()
    ]
