"""Inviting, for peer consultants and health workers: a batch of cards to print, shown once."""

import asyncio
from typing import Any

import segno
from markupsafe import Markup
from starlette.responses import Response

from services.web.errors import Refused
from services.web.visits import INVITERS, Visit, form, page

DAYS = (7, 30, 60)
MOST = 50  # cards of one form; identity's limit
QUIET_ZONE = 4  # modules of white around a code, without which phones don't find it (ISO/IEC 18004)


async def show(visit: Visit) -> Response:
    """How many are open, and the form."""
    return await _render(visit)


async def _render(visit: Visit, status: int = 200, problem: str | None = None) -> Response:
    account, invitations = await asyncio.gather(
        visit.ask("identity", "GET", "/me"), visit.ask("identity", "GET", "/invitations")
    )
    typed = {name: visit.field(name) for name in ("community", "count", "days")}
    return visit.render(
        "invite.html", status, communities=account["communities"], open=invitations["open"], days=DAYS, most=MOST,
        typed=typed, problem=problem,
    )  # fmt: skip


async def invite(visit: Visit) -> Response:
    """The codes stand in this answer only. The same form sent again gives new ones and voids the old."""
    body: dict[str, Any] = {
        "role": "member",
        "communities": [visit.field("community")],
        "count": visit.field("count"),
        "days": visit.field("days") or DAYS[1],
    }
    account = await visit.ask("identity", "GET", "/me")  # first: the codes' answer comes only once
    try:
        made = await visit.ask("identity", "POST", "/invitations", body, key=visit.field("key"))
    except Refused as error:
        if error.status not in (409, 422):
            raise
        return await _render(visit, error.status, visit.explain(error))
    names = {community["id"]: community["name"] for community in account["communities"]}
    link = f"{visit.site.settings.public_url.rstrip('/')}/join"
    cards = [{"code": code, "qr": qr_code(f"{link}#{code}")} for code in made["invitations"]]
    return visit.render(
        "cards.html", cards=cards, link=link, expires_on=made["expires_on"], community=names.get(visit.field("community"))
    )  # fmt: skip


def qr_code(text: str) -> Markup:
    """An inline SVG, dark on white, that scales as a whole: with a view box and no size of its own."""
    code = segno.make_qr(text, error="m")
    drawn = code.svg_inline(
        omitsize=True, border=QUIET_ZONE, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704  drawn from a code, not written by anybody


routes = [page("/invite", show, INVITERS), form("/invite", invite, INVITERS)]
