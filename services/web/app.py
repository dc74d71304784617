"""The composition root: settings in, an ASGI application out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services.web.pages import (
    api_docs,
    cafes,
    community,
    consultant_cafes,
    consultant_threads,
    consultant_told,
    for_you,
    forum,
    front,
    invite,
    join,
    leave,
    me,
    my_data,
    pause,
    posts,
    profile,
    receipt,
    recover,
    search,
    sign_in,
    telling,
    threads,
)
from services.web.pages import help as help_page
from services.web.rendering import STATIC, Rendering
from services.web.security import SecurityHeaders
from services.web.services import Gateway
from services.web.session import SessionCookie
from services.web.settings import Settings
from services.web.visits import Site, Visit
from shared.due import in_background, run_every
from shared.region import load_region
from shared.telemetry.logging import describe
from shared.telemetry.metrics import CONTENT_TYPE, Metrics
from shared.telemetry.requests import CountRequests

MAX_FORM = 256 * 1024  # bytes; a backstop: the gateway takes 64 KiB
PLACES = (
    front, help_page, leave, join, sign_in, recover, receipt, forum, threads, posts, telling, pause, search, profile, community, cafes, for_you, me,
    my_data, invite, consultant_cafes, consultant_threads, consultant_told, api_docs,
)  # fmt: skip

_log = structlog.get_logger()


class CachedStatic(StaticFiles):
    """Our own css and js; the address carries the file's fingerprint, so it may be kept for a year."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def create_app(settings: Settings) -> Starlette:
    """The web client. Raises OSError or ValidationError for an unusable region file."""
    region = load_region(settings.region_file)
    site = Site(
        settings=settings,
        region=region,
        gateway=Gateway(settings),
        rendering=Rendering(region, settings.neighbours),
        cookie=SessionCookie(settings.secret.get_secret_value(), region.id, over_https=settings.over_https),
    )

    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:
            ends.push_async_callback(site.gateway.close)
            in_background(ends, run_every(settings.metrics_seconds, metrics.look, name="metrics"))
            yield

    async def tell(_request: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    routes: list[Route | Mount] = [route for place in PLACES for route in place.routes]
    routes += [
        Mount("/static", CachedStatic(directory=STATIC)),
        Route("/favicon.ico", _icon),
        Route("/health/live", _healthy),
        Route("/health/ready", _healthy),
        Route("/metrics", tell),
    ]
    handlers: Mapping[Any, Any] = {HTTPException: _on_http, Exception: _on_bug}
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(CountRequests, requests=metrics.requests),
            Middleware(SecurityHeaders, over_https=settings.over_https),
        ],
        exception_handlers=handlers,
        lifespan=lifespan,
        max_body_size=MAX_FORM,
    )
    # A redirect to the address without its last slash would be made from the Host header: to whatever a stranger wrote.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


async def _icon(_request: Request) -> Response:
    """What browsers ask for by themselves, also on the neutral page: a cup, without a name on it."""
    return FileResponse(STATIC / "icon.svg", headers={"cache-control": "public, max-age=86400"})


async def _healthy(_request: Request) -> Response:
    """Web holds nothing and needs nothing to start: alive is ready. Its pages say themselves what they can't reach."""
    return JSONResponse({"status": "ok"})


async def _on_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405 and request.method in ("GET", "HEAD"):
        return RedirectResponse("/", 303)  # reloaded the address of a form
    visit = Visit(request)
    return visit.render(
        "cannot_show.html", error.status_code, problem=visit.gettext("There is no page here.")
    )


async def _on_bug(request: Request, error: Exception) -> Response:
    """Says where, never what: a message could carry somebody's words."""
    _log.error("unexpected_error", **describe(error))
    visit = Visit(request)
    problem = visit.gettext("Something went wrong on our side. Nothing was lost.")
    return visit.render("cannot_show.html", 500, problem=problem)
