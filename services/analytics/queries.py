"""Reads, as SQL."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import Study
from services.analytics.policy import ACTS, Earlier, Figures, Published

PEOPLE_AND_ACTS = text(
    """SELECT count(*) FILTER (WHERE kind = 'member') AS members,
        coalesce(sum(acts) FILTER (WHERE kind = 'post'), 0) AS posts,
        coalesce(sum(acts) FILTER (WHERE kind = 'view'), 0) AS views,
        count(*) FILTER (WHERE kind = 'view') AS members_who_viewed,
        count(*) FILTER (WHERE kind = 'post') AS members_who_wrote,
        count(*) FILTER (WHERE kind = 'attendance') AS members_who_came
    FROM (SELECT kind, sum(acts) AS acts FROM study_aliases JOIN activity USING (alias)
        WHERE study_id = :study AND NOT erased GROUP BY alias, kind) AS by_person"""
)
# A café that wasn't called off was held, counted or not; one of a coming day wasn't held yet.
CAFES = text(
    """SELECT count(id) AS cafes, min(head_count) AS smallest, max(head_count) AS largest
    FROM unnest(CAST(:communities AS uuid[])) WITH ORDINALITY AS c (community_id, place)
    LEFT JOIN gatherings AS g ON g.community_id = c.community_id AND NOT g.erased AND NOT g.cancelled
        AND g.day BETWEEN :since AND :until
    GROUP BY place ORDER BY place"""
)
PER_PERSON = text(
    """SELECT kind, sum(acts) AS acts FROM study_aliases JOIN activity USING (alias)
    WHERE study_id = :study AND NOT erased AND kind IN ('post', 'view') GROUP BY alias, kind"""
)
ROWS = text(
    """SELECT alias AS id, source, json_agg(json_build_object('day', day, 'kind', kind, 'acts', acts)
        ORDER BY day, kind) AS acts
    FROM study_aliases JOIN activity USING (alias)
    WHERE study_id = :study AND NOT erased AND (CAST(:after AS uuid) IS NULL OR alias > :after)
    GROUP BY alias ORDER BY alias LIMIT :limit"""
)
COUNTS = text("SELECT counts FROM journeys WHERE study_id = :study")
PUBLISHED = text("SELECT figures FROM publications WHERE study_id = :study")
EARLIER = text(
    "SELECT communities, since, until, figures FROM publications WHERE communities && CAST(:communities AS uuid[])"
)
IS_CLOSED = text("SELECT closed FROM accounts WHERE alias = :alias")


async def figures(session: AsyncSession, study: Study, today: date) -> Figures:
    """All figures of a study so far (or of all of it, once closed). Raises StudyNotStarted."""
    counts = (await session.execute(PEOPLE_AND_ACTS, {"study": study.id})).one()._asdict()
    cafes = (
        await session.execute(
            CAFES,
            {"communities": study.communities, "since": study.since, "until": study.closed_on or today},
        )
    ).all()
    return Figures(
        **{name: int(count) for name, count in counts.items()},
        cafes=sum(row.cafes for row in cafes),
        cafes_by_community=tuple(row.cafes for row in cafes),
        smallest_cafe=min((row.smallest for row in cafes if row.smallest is not None), default=None),
        largest_cafe=max((row.largest for row in cafes if row.largest is not None), default=None),
    )


async def acts_per_person(session: AsyncSession, study_id: UUID) -> Mapping[str, list[int]]:
    """For "posts" and "views": how many each study alias has, in no order."""
    rows = (await session.execute(PER_PERSON, {"study": study_id})).all()
    return {act: [int(row.acts) for row in rows if f"{row.kind}s" == act] for act in ACTS}


async def rows(session: AsyncSession, study_id: UUID, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """A page of study aliases with their acts by day: `{"id", "source", "days": {day: {kind: acts}}}`."""
    found = await session.execute(ROWS, {"study": study_id, "after": after, "limit": limit})
    page = []
    for row in found:
        days: dict[str, dict[str, int]] = {}
        for act in row.acts:
            days.setdefault(act["day"], {})[act["kind"]] = act["acts"]
        page.append({"id": row.id, "source": row.source, "days": days})
    return page


async def journeys(session: AsyncSession, study_id: UUID) -> dict[str, int] | None:
    """People per path between forum and cafés; None before the study is closed."""
    counts: dict[str, int] | None = await session.scalar(COUNTS, {"study": study_id})
    return counts


async def published(session: AsyncSession, study_id: UUID) -> dict[str, Any] | None:
    """What was published of a study, None where suppressed; None altogether before it was made."""
    made: dict[str, Any] | None = await session.scalar(PUBLISHED, {"study": study_id})
    return made


async def earlier_publications(session: AsyncSession, communities: list[UUID]) -> list[Earlier]:
    """What was published before about any of these communities."""
    found = await session.execute(EARLIER, {"communities": communities})
    return [
        Earlier(frozenset(row.communities), row.since, row.until, Published(**row.figures)) for row in found
    ]


async def is_closed(session: AsyncSession, alias: UUID) -> bool:
    """Whether identity said that this account is closed or erased."""
    return bool(await session.scalar(IS_CLOSED, {"alias": alias}))
