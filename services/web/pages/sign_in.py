"""Signing in and out."""

import structlog
from starlette.responses import Response

from services.web.errors import Refused, ServiceError
from services.web.visits import Visit, form, page

CLEAR_DEVICE = '"cache", "storage"'

_log = structlog.get_logger()


async def show(visit: Visit) -> Response:
    """The form; somebody signed in goes to their first page."""
    if visit.held.session is not None and visit.query("said") is None:
        return visit.go("/")
    return visit.render("sign_in.html", sign_in_name="")


async def sign_in(visit: Visit) -> Response:
    """Signs in, and goes where the person wanted to go.

    What identity answers is the same for a wrong name and a wrong passphrase.
    """
    name, passphrase = visit.field("sign_in_name"), str(visit.form.get("passphrase", ""))
    try:
        session = await visit.site.gateway.sign_in(name, passphrase)
        return await enter(visit, session, visit.go(visit.held.wanted or "/"))
    except ServiceError as error:
        status = error.status if isinstance(error, Refused) else 503
        problem = visit.explain(error)
        response = visit.render("sign_in.html", status, sign_in_name=name, problem=problem)
        if isinstance(error, Refused) and error.retry_after:
            response.headers["retry-after"] = str(error.retry_after)
        return response


async def enter(visit: Visit, session: str, response: Response) -> Response:
    """Asks identity which role this is, and puts the cookie on `response`."""
    account = await visit.site.gateway.call_for(session, "identity", "GET", "/me")
    role = str(account["role"])
    if role == "consultant":
        await _reserve_working_name(visit, session)
    return visit.enter(response, session, role)


async def _reserve_working_name(visit: Visit, session: str) -> None:
    """Makes the forum profile under the name chosen at joining, so that no member can take it before the first post.

    Repeating changes nothing. When the forum is away the next sign-in, or the first post, makes it.
    """
    try:
        await visit.site.gateway.call_for(session, "forum", "POST", "/profile", {})
    except ServiceError as error:
        _log.warning("working_name_not_reserved", error=type(error).__name__)


async def sign_out(visit: Visit) -> Response:
    """Signs out on this device."""
    await visit.site.gateway.sign_out(visit.session)
    return left(visit, "signed-out")


def left(visit: Visit, said: str) -> Response:
    """Signed out on purpose: the cookie, drafts and cached pages go; the chosen language stays."""
    response = visit.go("/sign-in", said)
    visit.site.cookie.forget(response)
    response.headers["clear-site-data"] = CLEAR_DEVICE
    return response


routes = [page("/sign-in", show), form("/sign-in", sign_in), form("/sign-out", sign_out)]
