"""`/leave`, Leave quickly: a neutral page at once, nothing kept on the device, the session ended.

The POST is answered by a redirect to the page, so that the address says nothing and a reload asks nothing.
"""

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.web.errors import FormRefused, ServiceError
from services.web.security import require_own_origin
from services.web.visits import Visit, again, page

CLEAR_ALL = '"cache", "cookies", "storage"'

_log = structlog.get_logger()


async def leave(request: Request) -> Response:
    """No form token: it must work from a page of any age. A forged one could only sign out; the origin is checked."""
    visit = Visit(request)
    try:
        require_own_origin(request, visit.site.settings.public_url)
    except FormRefused as error:
        return again(visit, error)
    response = visit.go("/leave")
    response.headers["clear-site-data"] = CLEAR_ALL
    visit.site.cookie.forget(response)
    if visit.held.session is not None:
        # After the answer: nobody should wait for a service when they have to leave.
        response.background = BackgroundTask(_end_session, visit, visit.held.session)
    return response


async def _end_session(visit: Visit, session: str) -> None:
    try:
        await visit.site.gateway.sign_out(session)
    except ServiceError as error:
        _log.warning("session_not_ended", error=type(error).__name__)


async def show_neutral(visit: Visit) -> Response:
    """The neutral page."""
    return visit.render("neutral.html")


routes = [page("/leave", show_neutral), Route("/leave", leave, methods=["POST"])]
