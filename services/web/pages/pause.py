"""One's own pause from writing: why, until when, and what stays open."""

import structlog
from starlette.responses import Response

from services.web.errors import ServiceError
from services.web.pages.profile import own_profile
from services.web.visits import READERS, Visit, only_looks_ahead, page

_log = structlog.get_logger()


async def show(visit: Visit) -> Response:
    """The forum's GET writes nothing: as its client we then say that it was read."""
    profile = await own_profile(visit)
    if not only_looks_ahead(visit):
        try:
            await visit.ask("forum", "PUT", "/sanction/seen")
        except ServiceError as error:
            _log.warning("pause_not_marked_seen", error=type(error).__name__)
    return visit.render("pause.html", pause=profile and profile["paused"])


routes = [page("/forum/pause", show, READERS)]
