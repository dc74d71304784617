"""Cafés as a guest meets them: what is coming up, one café, answering, leaving a name, checking in."""

import asyncio
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from services.web.errors import Refused
from services.web.visits import READERS, Visit, form, page
from shared import clock

EARLIER_SHOWN = timedelta(days=31)  # long enough to put a head count right
ANSWERS = ("come", "maybe", "not-this-time", "not-today")


def coming_up(gatherings: dict[str, Any]) -> list[dict[str, Any]]:
    """The cafés that will be, soonest first."""
    return [item for item in gatherings["items"] if not item["cancelled"] and not item["over"]]


async def show_list(visit: Visit) -> Response:
    """The cafés of one's own communities, the coming ones first."""
    since = clock.today(visit.site.region.time_zone) - EARLIER_SHOWN
    gatherings = await visit.ask(
        "events", "GET", "/gatherings", params={"from": since.isoformat(), "after": visit.query("after")}
    )
    return visit.render("cafes.html", gatherings=gatherings["items"], next=gatherings["next"])


async def show(visit: Visit) -> Response:
    """One café."""
    return await render_cafe(visit)


async def render_cafe(visit: Visit, status: int = 200, problem: str | None = None, **typed: str) -> Response:
    """A café's page; for a peer consultant with what only they see: counts, the code, names left."""
    path = f"/gatherings/{visit.path('gathering_id')}"
    cafe = await visit.ask("events", "GET", path)
    prompt_thread = await _open_prompt(visit, cafe["prompt_thread"])
    answers = code = names = None
    if visit.role == "consultant":
        answers, code, names = await asyncio.gather(
            visit.reading("events", f"{path}/answers"),
            visit.reading("events", f"{path}/code"),
            visit.reading("events", f"{path}/names"),
        )
    return visit.render(
        "cafe.html", status, cafe=cafe, prompt_thread=prompt_thread, answers=answers, code=code, names=names, typed=typed,
        problem=problem,
    )  # fmt: skip


async def _open_prompt(visit: Visit, thread_id: str | None) -> str | None:
    """The prompt's thread if it can be read: no link should lead to a thread that is gone, or to a forum that is away."""
    if thread_id is None:
        return None
    thread = await visit.reading("forum", f"/threads/{thread_id}", {"limit": 1})
    return None if thread is None or thread["removed"] or thread["title"] is None else thread_id


async def answer(visit: Visit) -> Response:
    """Come along, Maybe, Not this time or Today isn't a good day; changeable, no reason asked."""
    chosen, gathering_id = visit.field("answer"), visit.path("gathering_id")
    if chosen not in ANSWERS:
        raise Refused(422, "invalid")
    given = await visit.ask("events", "PUT", f"/gatherings/{gathering_id}/answer", {"answer": chosen})
    return visit.go(f"/cafes/{gathering_id}", "waiting" if given.get("waiting") else chosen)


async def leave_name(visit: Visit) -> Response:
    """Leaves a name to be called by, or takes it back."""
    path = f"/gatherings/{visit.path('gathering_id')}/name"
    if visit.field("take_back"):
        await visit.ask("events", "DELETE", path)
        return visit.go(f"/cafes/{visit.path('gathering_id')}", "name-taken-back")
    await visit.ask("events", "PUT", path, {"name": visit.field("name")})
    return visit.go(f"/cafes/{visit.path('gathering_id')}", "name-left")


async def check_in(visit: Visit) -> Response:
    """Types the code of the day: says that a member came."""
    code = visit.field("code")
    try:
        await visit.ask(
            "events", "POST", f"/gatherings/{visit.path('gathering_id')}/check-in", {"code": code}
        )
    except Refused as error:
        return await render_cafe(visit, error.status, visit.explain(error), code=code)
    return visit.go(f"/cafes/{visit.path('gathering_id')}", anchor="here")


CAFE = "/cafes/{gathering_id:uuid}"
routes = [
    page("/cafes", show_list, READERS),
    page(CAFE, show, READERS),
    form(f"{CAFE}/answer", answer, READERS),
    form(f"{CAFE}/name", leave_name, READERS),
    form(f"{CAFE}/check-in", check_in, READERS),
]
