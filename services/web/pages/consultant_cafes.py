"""Planning cafés: a single one or a monthly series, changes with a reason, cancelling, the head count."""

from typing import Any

from starlette.responses import Response

from services.web.errors import Refused
from services.web.fields import missing
from services.web.pages.cafes import render_cafe
from services.web.visits import CONSULTANTS, Visit, form, page

LINES = ("title", "area", "way_there", "toilet", "met_by", "place")  # text fields, sent as typed


async def show_planning(visit: Visit) -> Response:
    """The empty form."""
    return await _render(visit, {})


async def _render(
    visit: Visit,
    typed: dict[str, str],
    status: int = 200,
    problem: str | None = None,
    cafe: dict[str, Any] | None = None,
) -> Response:
    account = await visit.ask("identity", "GET", "/me")
    return visit.render(
        "plan.html", status, communities=account["communities"], typed=typed, cafe=cafe, problem=problem,
        key=visit.field("key"),
    )  # fmt: skip


def _planned(visit: Visit) -> dict[str, Any]:
    """The form as events wants it. Wall time goes as it was typed: events keeps it with the region's zone."""
    body: dict[str, Any] = {name: visit.field(name) or None for name in LINES}
    body["starts"] = f"{visit.field('day')}T{visit.field('time')}"
    body["zone"] = visit.site.region.time_zone
    body["duration_minutes"] = _number(visit, "duration_minutes") or 120
    body["step_free"] = visit.field("step_free") == "yes"
    body["capacity"] = _number(visit, "capacity")
    body["prompt_text"] = visit.field("prompt_text") or None
    body["prompt_thread"] = visit.field("prompt_thread").rsplit("/", 1)[-1] or None
    return body


def _number(visit: Visit, name: str) -> int | str | None:
    """A whole number; what isn't one goes as it was typed, so that events says what is wrong with it."""
    text = visit.field(name)
    return int(text) if text.isdecimal() and len(text) < 10 else text or None


def _typed(visit: Visit) -> dict[str, str]:
    return {name: str(value) for name, value in visit.form.multi_items() if name not in ("form_token", "key")}


async def plan(visit: Visit) -> Response:
    """Plans a café or a monthly series."""
    body = _planned(visit) | {
        "community_id": visit.field("community_id"),
        "monthly_times": _number(visit, "monthly_times") or 1,
    }
    try:
        planned = await visit.ask("events", "POST", "/gatherings", body, key=visit.field("key"))
    except Refused as error:
        if error.status not in (409, 422):
            raise
        return await _render(visit, _typed(visit), error.status, visit.explain(error))
    return visit.go(f"/cafes/{planned['ids'][0]}", "planned")


async def show_changing(visit: Visit) -> Response:
    """The form with the café as it is planned."""
    cafe = await visit.ask("events", "GET", f"/gatherings/{visit.path('gathering_id')}")
    typed = {name: str(cafe.get(name) or "") for name in (*LINES, "duration_minutes", "capacity", "prompt_text",
                                                          "prompt_thread")}  # fmt: skip
    typed |= {
        "day": cafe["starts"][:10],
        "time": cafe["starts"][11:16],
        "step_free": "yes" if cafe["step_free"] else "no",
    }
    return await _render(visit, typed, cafe=cafe)


async def change(visit: Visit) -> Response:
    """Moves or changes a café."""
    path = f"/gatherings/{visit.path('gathering_id')}"
    try:
        await visit.ask("events", "PUT", path, _planned(visit) | {"reason": visit.field("reason")})
    except Refused as error:
        if error.status not in (409, 422):
            raise
        cafe = await visit.ask("events", "GET", path)
        return await _render(visit, _typed(visit), error.status, visit.explain(error), cafe)
    return visit.go(f"/cafes/{visit.path('gathering_id')}", "moved")


async def cancel(visit: Visit) -> Response:
    """Cancels a café with a reason; the reason typed stays when it is refused."""
    body = {"reason": visit.field("reason")}
    try:
        await visit.ask("events", "POST", f"/gatherings/{visit.path('gathering_id')}/cancellation", body)
    except Refused as error:
        return await render_cafe(visit, error.status, visit.explain(error), reason=body["reason"])
    return visit.go(f"/cafes/{visit.path('gathering_id')}", "cancelled")


async def count_heads(visit: Visit) -> Response:
    """Keeps how many members came."""
    members = _number(visit, "members")
    try:
        if members is None:
            raise missing("members")
        path = f"/gatherings/{visit.path('gathering_id')}/head-count"
        await visit.ask("events", "PUT", path, {"members": members})
    except Refused as error:
        return await render_cafe(visit, error.status, visit.explain(error), members=visit.field("members"))
    return visit.go(f"/cafes/{visit.path('gathering_id')}", "counted")


CAFE = "/cafes/{gathering_id:uuid}"
routes = [
    page("/cafes/plan", show_planning, CONSULTANTS),
    form("/cafes/plan", plan, CONSULTANTS),
    page(f"{CAFE}/change", show_changing, CONSULTANTS),
    form(f"{CAFE}/change", change, CONSULTANTS),
    form(f"{CAFE}/cancel", cancel, CONSULTANTS),
    form(f"{CAFE}/head-count", count_heads, CONSULTANTS),
]
