"""The first page joins both formats: the next café, what to think about before it, replies to you, then the forum."""

import asyncio

from starlette.responses import Response

from services.web.pages.cafes import coming_up
from services.web.visits import Visit

THREADS_SHOWN = 8


async def show_first_page(visit: Visit) -> Response:
    """Each part stands by itself: what can't be reached is said in its place, and the rest is shown."""
    if not visit.reads:
        return visit.go("/invite") if visit.role == "provider" else visit.render("tools_only.html")
    gatherings, for_you, threads = await asyncio.gather(
        visit.reading("events", "/gatherings"),
        visit.reading("forum", "/for-you"),
        visit.reading("forum", "/threads", {"limit": THREADS_SHOWN}),
    )
    upcoming = None if gatherings is None else coming_up(gatherings)
    return visit.render(
        "first_page.html",
        cafes_away=gatherings is None,
        cafe=upcoming[0] if upcoming else None,
        for_you=None if for_you is None else for_you["items"],
        threads=None if threads is None else threads["items"],
    )
