"""Inviting, for peer consultants and health workers: a batch of cards to print, shown once."""

import asyncio
from typing import Any

import segno
from markupsafe import Markup
from starlette.responses import Response

from services.web.visits import INVITERS, Visit, form, page

DAYS = (7, 30, 60)


async def show(visit: Visit) -> Response:
    """How many are open, and the form."""
    account, invitations = await asyncio.gather(
        visit.ask("identity", "GET", "/me"), visit.ask("identity", "GET", "/invitations")
    )
    return visit.render(
        "invite.html", communities=account["communities"], open=invitations["open"], days=DAYS
    )


async def invite(visit: Visit) -> Response:
    """The codes stand in this answer only. The same form sent again gives new ones and voids the old."""
    count, days = visit.field("count"), visit.field("days")
    body: dict[str, Any] = {
        "role": "member",
        "communities": [visit.field("community")],
        "count": min(50, max(1, int(count))) if count.isdigit() else 1,
        "days": min(60, max(1, int(days))) if days.isdigit() else DAYS[1],
    }
    made = await visit.ask("identity", "POST", "/invitations", body, key=visit.field("key"))
    link = f"{visit.site.settings.public_url.rstrip('/')}/join"
    cards = [{"code": code, "qr": qr_code(f"{link}#{code}")} for code in made["invitations"]]
    return visit.render("cards.html", cards=cards, link=link, expires_on=made["expires_on"])


def qr_code(text: str) -> Markup:
    """An inline SVG, dark on white, readable when printed at 3 cm."""
    code = segno.make_qr(text, error="m")
    drawn = code.svg_inline(scale=4, border=2, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    return Markup(drawn)  # noqa: S704  drawn from a code, not written by anybody


routes = [page("/invite", show, INVITERS), form("/invite", invite, INVITERS)]
