"""My data: taking it along, and erasing the account.

Three files, one per service: a single one would join on the person's device what the services keep apart.
"""

import json

from starlette.responses import Response

from services.web.errors import Refused
from services.web.pages.sign_in import CLEAR_DEVICE
from services.web.visits import EVERYBODY, Visit, form, page
from services.web.words import N_

EXPORTS = {"account": ("identity", "POST", "/me/export"), "forum": ("forum", "GET", "/export"),
           "cafes": ("events", "GET", "/export")}  # fmt: skip
NOT_SURE = N_("Please tick that you know it can’t be undone. Nothing was erased.")


async def show(visit: Visit) -> Response:
    """Taking along and erasing."""
    return visit.render("my_data.html")


async def take_along(visit: Visit) -> Response:
    """One part as a file."""
    part = visit.path("part")
    if part not in EXPORTS or (part != "account" and not visit.reads):
        raise Refused(404, "not-found")
    data = await visit.ask(*EXPORTS[part])
    return Response(
        json.dumps(data, ensure_ascii=False, indent=2),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{part}.json"'},
    )


async def show_erasing(visit: Visit) -> Response:
    """What happens, when, and what can't be undone."""
    return visit.render("erase.html")


async def erase(visit: Visit) -> Response:
    """Erases the account; the receipt is shown this once."""
    if visit.field("sure") != "yes":
        return visit.render("erase.html", 422, problem=visit.gettext(NOT_SURE))
    session = visit.session
    try:
        made = await visit.ask(
            "identity", "POST", "/me/erasure", {"passphrase": str(visit.form.get("passphrase", ""))}
        )
    except Refused as error:
        return visit.render("erase.html", error.status, problem=visit.explain(error))
    visit.site.gateway.forget(session)
    visit.held = visit.held.anonymous()
    response = visit.render("erased.html", receipt=made["receipt"])
    visit.site.cookie.forget(response)
    response.headers["clear-site-data"] = CLEAR_DEVICE
    return response


routes = [
    page("/me/data", show, EVERYBODY),
    form("/me/data/{part}", take_along, EVERYBODY),
    page("/me/erase", show_erasing, EVERYBODY),
    form("/me/erase", erase, EVERYBODY),
]
