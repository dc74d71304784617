"""What peer consultants have been told, and pauses from writing."""

import asyncio

from starlette.responses import Response

from services.web.errors import FieldFault, Refused
from services.web.fields import missing
from services.web.pages.telling import chosen_category
from services.web.pages.threads import only_looks_ahead, say_seen
from services.web.visits import CONSULTANTS, Visit, form, page

DAYS = ("1", "3", "7", "30")


async def show(visit: Visit) -> Response:
    """Posts that somebody told of, what has waited longest first; below them the pauses that stand.

    The forum's GET writes nothing: as its client we then say that they were looked at.
    """
    reports, pauses = await asyncio.gather(
        visit.ask("forum", "GET", "/reports", params={"after": visit.query("after")}),
        visit.ask("forum", "GET", "/sanctions"),
    )
    if reports["items"] and not only_looks_ahead(visit):
        await say_seen(visit, "/reports/seen")
    return visit.render("told.html", reports=reports["items"], next=reports["next"], pauses=pauses["items"])


async def close(visit: Visit) -> Response:
    """Is done with a post; the copy of its text goes."""
    params = {"upto": visit.field("upto")}
    await visit.ask("forum", "DELETE", f"/posts/{visit.path('post_id')}/report", params=params)
    return visit.go("/forum/told", "done")


async def show_pausing(visit: Visit) -> Response:
    """Asks for a reason and an end, and says what a pause is."""
    post = await visit.ask("forum", "GET", f"/posts/{visit.path('post_id')}")
    return visit.render("pausing.html", post=post, days=DAYS)


async def pause(visit: Visit) -> Response:
    """A pause for the writer, or word to those where they belong: the page is the same."""
    if not visit.field("reason"):
        raise missing("reason")
    if visit.field("days") not in DAYS:
        raise Refused(422, "invalid", fields=(FieldFault("days", "not_chosen"),))
    decided = {
        "category": chosen_category(visit),
        "reason": visit.field("reason"),
        "days": int(visit.field("days")),
    }
    await visit.ask("forum", "PUT", f"/posts/{visit.path('post_id')}/sanction", decided)
    return visit.go("/forum/told", "pause-decided", anchor="pauses")


async def lift(visit: Visit) -> Response:
    """Ends a pause now."""
    await visit.ask("forum", "DELETE", f"/sanctions/{visit.path('pause_id')}")
    return visit.go("/forum/told", "pause-lifted", anchor="pauses")


POST = "/forum/told/{post_id:uuid}"
routes = [
    page("/forum/told", show, CONSULTANTS),
    form(f"{POST}/done", close, CONSULTANTS),
    page(f"{POST}/pause", show_pausing, CONSULTANTS),
    form(f"{POST}/pause", pause, CONSULTANTS),
    form("/forum/pauses/{pause_id:uuid}/lift", lift, CONSULTANTS),
]
