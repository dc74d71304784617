"""`/`: for a stranger, what this is; for somebody signed in, their first page."""

from starlette.responses import Response

from services.web.pages.first_page import show_first_page
from services.web.visits import Visit, page


async def show(visit: Visit) -> Response:
    """Decides by the cookie which of the two it is."""
    if visit.held.session is not None:
        return await show_first_page(visit)
    return visit.render("front.html")


routes = [page("/", show)]
