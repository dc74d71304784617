"""Telling peer consultants about a post; what they were told."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.forum.http.service import Here, Moderator, Teller, answer
from services.forum.queries.reports import open_reports
from services.forum.schemas import NewReport, ReportList
from services.forum.use_cases import reports
from shared.api import routes
from shared.api.pages import After, Limit
from shared.api.transactions import Session

router = routes.router("reports")


@router.put("/posts/{post_id}/report", status_code=204)
async def tell(post_id: UUID, body: NewReport, here: Here, session: Session, caller: Teller) -> None:
    """Tell peer consultants about a post. Nobody learns who told, and its writer not even that somebody did."""
    await reports.tell(session, here.home, here.secret, caller.alias, post_id, body.category)


@router.get("/reports", response_model=ReportList)
async def list_reports(here: Here, caller: Moderator, after: After = None, limit: Limit = 20) -> Response:
    """Posts that peer consultants were told of, as they were then; what has waited longest first.

    Begins anew where they have been done with `after` meanwhile.
    """
    home = here.home
    return answer(
        await open_reports(
            here.database, caller.alias, home.region, after=after, limit=limit, standing=home.standing()
        )
    )


@router.put("/reports/seen", status_code=204)
async def see(session: Session, caller: Moderator) -> None:
    """The caller has looked at the list: what a notice told of is settled."""
    await reports.see(session, caller.alias)


@router.delete("/posts/{post_id}/report", status_code=204)
async def close(
    post_id: UUID,
    session: Session,
    caller: Moderator,
    upto: Annotated[UUID, Query(description="As the list says: what was told later stays.")],
) -> None:
    """Be done with a post. What was kept of it is deleted."""
    await reports.close(session, caller.alias, post_id, upto)
