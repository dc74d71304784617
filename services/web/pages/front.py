"""`/`: for a stranger, what this is (`/about` for everybody); for somebody signed in, their first page."""

from starlette.responses import Response

from services.web.pages.first_page import show_first_page
from services.web.visits import Visit, page


async def show(visit: Visit) -> Response:
    """Decides by the cookie which of the two it is."""
    if visit.held.session is not None:
        return await show_first_page(visit)
    return visit.render("front.html")


async def show_about(visit: Visit) -> Response:
    """What this is and who runs it, for somebody signed in too."""
    return visit.render("front.html")


routes = [page("/", show), page("/about", show_about)]
