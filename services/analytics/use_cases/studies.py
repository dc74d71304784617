"""A study's way from proposal to closing, and who may look at it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics import queries
from services.analytics.errors import StudyNotFound
from services.analytics.models import Field, Study
from shared.api.callers import AccountClosed
from shared.contracts import topics
from shared.contracts.payloads.identity import Source
from shared.database import security_log
from shared.outbox import add as outbox


@dataclass(frozen=True, slots=True)
class ProposeStudy:
    """What an analyst asks for; `today` is the region's date."""

    title: str
    communities: list[UUID]
    fields: list[Field]
    sources: list[Source]
    ends_on: date
    analyst: UUID
    today: date


@dataclass(frozen=True, slots=True)
class DecideStudy:
    """An operator's decision about a study, now (`at`, aware) and on the region's date."""

    study_id: UUID
    operator: UUID
    at: datetime
    today: date
    home: str


async def must_be_open(session: AsyncSession, alias: UUID) -> None:
    """Raises AccountClosed, whatever the token says."""
    if await queries.is_closed(session, alias):
        raise AccountClosed()


async def find(session: AsyncSession, study_id: UUID, caller: UUID, *, any_analysts: bool) -> Study:
    """A study as its analyst sees it, or an operator (`any_analysts`). Raises StudyNotFound, AccountClosed."""
    await must_be_open(session, caller)
    study = await session.get(Study, study_id)
    if study is None or not (any_analysts or study.analyst == caller):
        raise StudyNotFound()
    return study


async def page(
    session: AsyncSession, caller: UUID, *, any_analysts: bool, after: UUID | None, limit: int
) -> list[Study]:
    """A page of the caller's studies, or of all. Raises AccountClosed."""
    await must_be_open(session, caller)
    studies = select(Study).order_by(Study.id).limit(limit)
    if not any_analysts:
        studies = studies.where(Study.analyst == caller)
    if after is not None:
        studies = studies.where(Study.id > after)
    return list(await session.scalars(studies))


async def study_of_its_analyst(session: AsyncSession, study_id: UUID, analyst: UUID, event: str) -> Study:
    """For a read of research figures or rows, which is written down.

    Raises StudyNotFound (for another analyst's, too), StudyNotStarted, AccountClosed.
    """
    await must_be_open(session, analyst)
    study = await session.get(Study, study_id)
    if study is None or study.analyst != analyst:
        raise StudyNotFound()
    study.must_have_started()
    await security_log.note(session, event, analyst, study_id)
    return study


async def propose(session: AsyncSession, command: ProposeStudy) -> Study:
    """Raises EndsInThePast, FieldWithoutSource, AccountClosed."""
    await must_be_open(session, command.analyst)
    study = Study.propose(
        title=command.title,
        communities=command.communities,
        fields=command.fields,
        sources=command.sources,
        ends_on=command.ends_on,
        analyst=command.analyst,
        today=command.today,
    )
    session.add(study)
    await session.flush()
    await security_log.note(session, "study-proposed", command.analyst, study.id)
    return study


async def approve(session: AsyncSession, command: DecideStudy) -> Study:
    """Open a study for counting; its research topic exists already. A repeat changes nothing.

    Raises StudyNotFound, ApprovedBySomebodyElse, WrongStatus, EndsInThePast, AccountClosed.
    """
    study = await _locked(session, command)
    if study.approved_by == command.operator:
        return study
    study.approve(command.operator, at=command.at, today=command.today)
    await security_log.note(session, "study-approved", command.operator, study.id)
    await outbox.add(session, topics.STUDIES, study.id, study.recorded(command.home))
    return study


async def close(session: AsyncSession, command: DecideStudy) -> Study:
    """Stop counting; a repeat changes nothing. Raises StudyNotFound, ApprovedBySomebodyElse, WrongStatus, AccountClosed."""
    study = await _locked(session, command)
    if study.closed_by == command.operator:
        return study
    study.close(command.operator, at=command.at, today=command.today)
    await security_log.note(session, "study-closed", command.operator, study.id)
    await outbox.add(session, topics.STUDIES, study.id, study.recorded(command.home))
    return study


async def close_next_ended(session: AsyncSession, at: datetime, today: date, home: str) -> int:
    """Close one open study whose last day has passed; answers how many (0 or 1)."""
    ended = select(Study).where(Study.status == "open", Study.ends_on < today).order_by(Study.id).limit(1)
    study = await session.scalar(ended.with_for_update(skip_locked=True))
    if study is None:
        return 0
    study.close(None, at=at, today=study.ends_on)
    await security_log.note(session, "study-closed", None, study.id)
    await outbox.add(session, topics.STUDIES, study.id, study.recorded(home))
    return 1


async def _locked(session: AsyncSession, command: DecideStudy) -> Study:
    await must_be_open(session, command.operator)
    # A row that this session has read before is read anew: somebody may have decided meanwhile.
    study = await session.get(Study, command.study_id, with_for_update=True, populate_existing=True)
    if study is None:
        raise StudyNotFound()
    return study
