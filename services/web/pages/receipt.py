"""`/receipt`: how far an erasure has come, by the code that was shown once. Public: nobody can sign in any more."""

from typing import Any

from starlette.responses import Response

from services.web.errors import Away, Refused
from services.web.visits import Visit, form, page


async def show(visit: Visit) -> Response:
    """The form."""
    return visit.render("receipt.html", told=None)


async def look(visit: Visit) -> Response:
    """Which parts have been told to forget, and which other regions say they have, by day. An unknown code and an old one
    look alike.
    """
    progress = await visit.ask_openly(
        "identity", "POST", "/receipts/look", {"receipt": visit.field("receipt")}
    )
    told = [one | {"elsewhere": await _elsewhere(visit, one["erasure_id"])} for one in progress["services"]]
    return visit.render("receipt.html", told=told)


async def _elsewhere(visit: Visit, erasure_id: str | None) -> list[dict[str, Any]] | None:
    """What other regions say of what was written in the forum; None while the forum can't be asked."""
    if erasure_id is None or not visit.site.settings.neighbours:
        return []
    try:
        asked = await visit.ask_openly("forum", "POST", "/erasures/look", {"erasure_id": erasure_id})
    except (Away, Refused):
        return None
    regions: list[dict[str, Any]] = asked["regions"]
    return regions


routes = [page("/receipt", show), form("/receipt", look)]
