"""One's own pause from writing: why, until when, and what stays open."""

from starlette.responses import Response

from services.web.pages.profile import own_profile
from services.web.pages.threads import only_looks_ahead, say_seen
from services.web.visits import READERS, Visit, page


async def show(visit: Visit) -> Response:
    """The forum's GET writes nothing: as its client we then say that it was read."""
    profile = await own_profile(visit)
    if not only_looks_ahead(visit):
        await say_seen(visit, "/sanction/seen")
    return visit.render("pause.html", pause=profile and profile["paused"])


routes = [page("/forum/pause", show, READERS)]
