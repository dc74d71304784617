"""Telling a peer consultant about a post."""

from starlette.responses import Response

from services.web.errors import FieldFault, Refused
from services.web.pages.threads import back_to
from services.web.visits import READERS, Visit, form, page

CATEGORIES = ("worry", "identifies", "unkind", "other")


async def show_telling(visit: Visit) -> Response:
    """The post, what it may be about, and who will see what."""
    post = await visit.ask("forum", "GET", f"/posts/{visit.path('post_id')}")
    if post["removed"]:
        raise Refused(409, "post-removed")
    return visit.render(
        "tell.html",
        thread_id=visit.path("thread_id"),
        post=post,
        after=visit.query("after") or "",
    )


async def tell(visit: Visit) -> Response:
    """Tells peer consultants; the writer learns nothing of it."""
    post_id = visit.path("post_id")
    await visit.ask("forum", "PUT", f"/posts/{post_id}/report", {"category": chosen_category(visit)})
    return back_to(visit, visit.path("thread_id"), "told", f"post-{post_id}")


def chosen_category(visit: Visit) -> str:
    """What the form says it is about. Raises Refused."""
    category = visit.field("category")
    if category not in CATEGORIES:
        raise Refused(422, "invalid", fields=(FieldFault("category", "not_chosen"),))
    return category


POST = "/forum/threads/{thread_id:uuid}/posts/{post_id:uuid}"
routes = [page(f"{POST}/tell", show_telling, READERS), form(f"{POST}/tell", tell, READERS)]
