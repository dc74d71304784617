"""For you: one list of what is new, in words, from the forum and from cafés."""

import asyncio

from starlette.responses import Response

from services.web.visits import READERS, Visit, page


async def show(visit: Visit) -> Response:
    """What is new; looking changes nothing, opening or answering does."""
    forum, events = await asyncio.gather(
        visit.reading("forum", "/for-you"), visit.reading("events", "/for-you")
    )
    return visit.render(
        "for_you.html",
        from_forum=forum["items"] if forum else [],
        from_cafes=events["items"] if events else [],
        something_away=forum is None or events is None,
    )


routes = [page("/for-you", show, READERS)]
