"""Cafés: reading for those of the community, planning for its peer consultants."""

from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.events.http.service import Consultant, Here, Reader
from services.events.policy.wall_time import oldest_day_not_over
from services.events.queries import gatherings as queries
from services.events.schemas import Cancellation, ChangedCafe, GatheringItem, GatheringPage, NewCafe, Series
from services.events.use_cases import gatherings as use_cases
from shared.api import idempotency
from shared.api.idempotency import IdempotencyKey
from shared.api.pages import After, Limit, Page, page_of
from shared.api.transactions import Session

router = APIRouter(prefix="/gatherings", tags=["cafés"])

From = Annotated[
    date | None, Query(alias="from", description="The first day; by default cafés that aren't over.")
]


@router.get("")
async def listed(
    here: Here, session: Session, caller: Reader, since: From = None, after: After = None, limit: Limit = 30
) -> Page[GatheringItem]:
    """Cafés of one's communities, the next first."""
    first = datetime.combine(since or oldest_day_not_over(here.now, here.zone), time())
    found = await queries.listed(session, caller, first, after, limit + 1)
    return page_of([seen.item(caller, here.now) for seen in found], limit)


@router.post("", status_code=201)
async def plan(
    body: NewCafe, here: Here, session: Session, caller: Consultant, key: IdempotencyKey
) -> Series:
    """Plan a café, or one a month."""
    claim = await idempotency.claim(session, here.secret, caller.alias, "gatherings", key, body)
    series = claim.made_id
    if series is None:
        series = await use_cases.plan_cafes(
            session,
            here.settings.region,
            caller,
            body.community_id,
            body.plan(),
            body.monthly_times,
            body.repeat,
            here.now,
        )
        await claim.made(session, series)
    return Series(ids=await use_cases.planned(session, series))


@router.get("/{gathering_id}")
async def one(gathering_id: UUID, here: Here, session: Session, caller: Reader) -> GatheringPage:
    """A café's page."""
    return await queries.one(session, here.secret, here.names, caller, gathering_id, here.now)


@router.put("/{gathering_id}")
async def change(
    gathering_id: UUID, body: ChangedCafe, here: Here, session: Session, caller: Consultant
) -> GatheringPage:
    """Change or move a café; who comes or may come is told when it moved."""
    await use_cases.change_cafe(
        session, here.settings.region, caller, gathering_id, body.plan(), body.reason, here.now
    )
    return await queries.one(session, here.secret, here.names, caller, gathering_id, here.now)


@router.post("/{gathering_id}/cancellation")
async def cancel(
    gathering_id: UUID, body: Cancellation, here: Here, session: Session, caller: Consultant
) -> GatheringPage:
    """Cancel a café; who comes or may come is told."""
    await use_cases.cancel_cafe(session, here.settings.region, caller, gathering_id, body.reason, here.now)
    return await queries.one(session, here.secret, here.names, caller, gathering_id, here.now)
