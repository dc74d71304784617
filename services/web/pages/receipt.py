"""`/receipt`: how far an erasure has come, by the code that was shown once. Public: nobody can sign in any more."""

from starlette.responses import Response

from services.web.visits import Visit, form, page


async def show(visit: Visit) -> Response:
    """The form."""
    return visit.render("receipt.html", told=None)


async def look(visit: Visit) -> Response:
    """Which parts have been told to forget, by day. An unknown code and an old one look alike."""
    progress = await visit.ask_openly(
        "identity", "POST", "/receipts/look", {"receipt": visit.field("receipt")}
    )
    return visit.render("receipt.html", told=progress["services"])


routes = [page("/receipt", show), form("/receipt", look)]
