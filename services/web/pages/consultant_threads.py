"""The peer consultant's forum work: threads nobody has answered, hiding with a reason, restoring."""

from starlette.responses import Response

from services.web.fields import missing
from services.web.pages.threads import back_to
from services.web.visits import CONSULTANTS, Visit, form, page


async def show_unanswered(visit: Visit) -> Response:
    """Threads without an answer, the one that waited longest first."""
    threads = await visit.ask(
        "forum",
        "GET",
        "/threads",
        params={"unanswered": "true", "order": "oldest", "after": visit.query("after")},
    )
    return visit.render("unanswered.html", threads=threads["items"], next=threads["next"])


async def hide(visit: Visit) -> Response:
    """Hides a post; the writer is told the reason."""
    post_id = visit.path("post_id")
    if not visit.field("reason"):
        raise missing("reason")
    await visit.ask(
        "forum", "POST", f"/posts/{post_id}/hides", {"reason": visit.field("reason")}, key=visit.field("key")
    )
    return back_to(visit, visit.path("thread_id"), "hidden", f"post-{post_id}")


async def restore(visit: Visit) -> Response:
    """Lifts every hide of a post."""
    post_id = visit.path("post_id")
    await visit.ask("forum", "DELETE", f"/posts/{post_id}/hides")
    return back_to(visit, visit.path("thread_id"), "restored", f"post-{post_id}")


POST = "/forum/threads/{thread_id:uuid}/posts/{post_id:uuid}"
routes = [
    page("/forum/unanswered", show_unanswered, CONSULTANTS),
    form(f"{POST}/hide", hide, CONSULTANTS),
    form(f"{POST}/restore", restore, CONSULTANTS),
]
