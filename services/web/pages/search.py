"""Searching the forum. A POST: what somebody looks for stands in no address, history or log of ours."""

from starlette.responses import Response

from services.web.visits import READERS, Visit, form, page


async def show(visit: Visit) -> Response:
    """The form."""
    return visit.render("search.html", q="", found=None, next=None)


async def search(visit: Visit) -> Response:
    """Threads and posts with these words."""
    q = visit.field("q")
    if not q:
        return visit.go("/forum/search")
    found = await visit.ask("forum", "GET", "/search", params={"q": q, "after": visit.field("after") or None})
    return visit.render("search.html", q=q, found=found["items"], next=found["next"])


routes = [page("/forum/search", show, READERS), form("/forum/search", search, READERS)]
