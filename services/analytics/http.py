"""Analytics' routes. Research is for a study's own analyst, each read written down; published is for anyone."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.analytics import queries, streams
from services.analytics.errors import NotPublished
from services.analytics.schemas import FiguresShown, JourneysShown, NewStudy, RowShown, StudyShown
from services.analytics.settings import Settings
from services.analytics.use_cases import studies
from services.analytics.use_cases.studies import DecideStudy, ProposeStudy
from shared import clock
from shared.api import idempotency
from shared.api.callers import Caller
from shared.api.idempotency import IdempotencyKey
from shared.api.limits import limited
from shared.api.pages import After, Limit, Page, page_of
from shared.api.transactions import Session
from shared.contracts.topics import research_topic

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Service:
    """What routes know of the service they belong to."""

    settings: Settings
    zone: str  # IANA, the region's

    @property
    def today(self) -> date:
        """The region's date."""
        return clock.today(self.zone)

    @property
    def secret(self) -> bytes:
        """Keys this service's keyed hashes."""
        return self.settings.secret.get_secret_value().encode()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]


Analyst = Annotated[Caller, Depends(limited("analyst", limit="calls"))]
Operator = Annotated[Caller, Depends(limited("operator", limit="calls"))]
AnalystOrOperator = Annotated[Caller, Depends(limited("analyst", "operator", limit="calls"))]


@router.post("/studies", status_code=201)
async def propose_study(
    body: NewStudy, here: Here, session: Session, caller: Analyst, key: IdempotencyKey
) -> StudyShown:
    """Propose a study. It counts nothing until an operator has approved it."""
    claim = await idempotency.claim(session, here.secret, caller.alias, "studies", key, body)
    if claim.made_id:
        return StudyShown.of(await studies.find(session, claim.made_id, caller.alias, any_analysts=False))
    study = await studies.propose(
        session,
        ProposeStudy(
            title=body.title,
            communities=body.communities,
            fields=body.wanted(),
            sources=body.sources,
            ends_on=body.ends_on,
            analyst=caller.alias,
            today=here.today,
        ),
    )
    await claim.made(session, study.id)
    return StudyShown.of(study)


@router.get("/studies")
async def list_studies(
    session: Session, caller: AnalystOrOperator, after: After = None, limit: Limit = 50
) -> Page[StudyShown]:
    """An analyst's own studies, or all for an operator; in no telling order."""
    found = await studies.page(
        session, caller.alias, any_analysts=caller.role == "operator", after=after, limit=limit + 1
    )
    return page_of([StudyShown.of(study) for study in found], limit)


@router.get("/studies/{study_id}")
async def show_study(study_id: UUID, session: Session, caller: AnalystOrOperator) -> StudyShown:
    """One study: to its analyst, and to operators."""
    any_analysts = caller.role == "operator"
    return StudyShown.of(await studies.find(session, study_id, caller.alias, any_analysts=any_analysts))


async def _has_its_topic(study_id: UUID, request: Request, here: Here, caller: Operator) -> None:
    """Make the topic of a study that may be approved, in no transaction: Kafka may take its time.

    It comes before the approval: a row published into a topic that isn't there would hold up every other.
    """
    async with request.app.state.sessions() as session:
        study = await studies.find(session, study_id, caller.alias, any_analysts=True)
    if study.approved_by != caller.alias:
        study.refuse_approval(caller.alias, here.today)
        await streams.make(here.settings.kafka, research_topic(study_id), here.settings.stream_replicas)


@router.post("/studies/{study_id}/approval", dependencies=[Depends(_has_its_topic)])
async def approve_study(study_id: UUID, here: Here, session: Session, caller: Operator) -> StudyShown:
    """Approve a proposed study: acts of consenting members count from now on. A repeat changes nothing."""
    return StudyShown.of(await studies.approve(session, _decision(study_id, here, caller)))


@router.post("/studies/{study_id}/closing")
async def close_study(study_id: UUID, here: Here, session: Session, caller: Operator) -> StudyShown:
    """Close an open study: nothing counts any more; what may be published follows once. A repeat changes nothing."""
    return StudyShown.of(await studies.close(session, _decision(study_id, here, caller)))


@router.get("/studies/{study_id}/research")
async def read_research(study_id: UUID, here: Here, session: Session, caller: Analyst) -> FiguresShown:
    """The exact figures so far, for the study's analyst. The reading is written down."""
    study = await studies.study_of_its_analyst(session, study_id, caller.alias, "research-read")
    figures = await queries.figures(session, study, here.today)
    return FiguresShown.of_fields(asdict(figures), study.fields)


@router.get("/studies/{study_id}/rows")
async def read_rows(
    study_id: UUID, session: Session, caller: Analyst, after: After = None, limit: Limit = 50
) -> Page[RowShown]:
    """The study's rows, one a study alias, for its analyst. The reading is written down."""
    await studies.study_of_its_analyst(session, study_id, caller.alias, "rows-read")
    found = await queries.rows(session, study_id, after, limit + 1)
    return page_of([RowShown(**row) for row in found], limit)


@router.get("/studies/{study_id}/journeys")
async def read_journeys(study_id: UUID, session: Session, caller: Analyst) -> JourneysShown:
    """How many went which way between forum and cafés: counted once, at closing. The reading is written down."""
    await studies.study_of_its_analyst(session, study_id, caller.alias, "journeys-read")
    return JourneysShown(counts=await queries.journeys(session, study_id) or {})


@router.get("/studies/{study_id}/published")
async def read_published(study_id: UUID, session: Session) -> FiguresShown:
    """What everyone may read of a closed study, with null where a figure would tell about a few. No sign-in."""
    made = await queries.published(session, study_id)
    if made is None:
        raise NotPublished()
    return FiguresShown(**made)


def _decision(study_id: UUID, here: Service, operator: Caller) -> DecideStudy:
    return DecideStudy(study_id, operator.alias, at=clock.now(), today=here.today, home=here.settings.region)
