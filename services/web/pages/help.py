"""`/help`, Need help now?: the region's crisis numbers. Asks no service, so it stays up when they are down."""

from starlette.responses import Response

from services.web.visits import Visit, page


async def show(visit: Visit) -> Response:
    """The numbers with their hours."""
    return visit.render("help.html")


routes = [page("/help", show)]
