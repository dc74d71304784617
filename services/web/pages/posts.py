"""One's own posts (edit, remove) and the three reactions to others'."""

import hashlib
from typing import Any

from starlette.responses import Response

from services.web.errors import Refused
from services.web.pages.threads import back_to
from services.web.visits import READERS, Visit, form, page
from services.web.words import N_

REACTIONS = ("thanks", "recognise", "thinking")
CHANGED = N_(
    "This text was changed somewhere else after you opened it here. Nothing is lost: yours is below. Choose which one"
    " stays."
)


async def _own_post(visit: Visit) -> dict[str, Any]:
    """Raises Refused (404) when it isn't theirs, or is gone."""
    post: dict[str, Any] = await visit.ask("forum", "GET", f"/posts/{visit.path('post_id')}")
    if not post["mine"] or post["removed"]:
        raise Refused(404, "post-not-found")
    return post


async def show_editing(visit: Visit) -> Response:
    """The post in a form."""
    post = await _own_post(visit)
    return _editing(visit, post, str(post["body"]), visit.query("after") or "")


async def edit(visit: Visit) -> Response:
    """Replaces the text for good; one that has changed since the form was fetched is shown first, beside the new words.

    A courtesy to somebody who writes in two windows, not a lock: both are theirs.
    """
    post_id, body = visit.path("post_id"), visit.field("body")
    post = await visit.ask("forum", "GET", f"/posts/{post_id}")
    there = post["body"]  # None: not theirs, or removed; the forum says so
    if there not in (None, body.replace("\r\n", "\n")) and visit.field("was") != _digest(there):
        return _editing(visit, post, body, visit.field("after"), 409, visit.gettext(CHANGED))
    await visit.ask("forum", "PUT", f"/posts/{post_id}", {"body": body})
    return back_to(visit, visit.path("thread_id"), "edited", f"post-{post_id}")


def _editing(
    visit: Visit, post: dict[str, Any], body: str, after: str, status: int = 200, changed: str | None = None
) -> Response:
    """The form with `body` in it; `changed` says that the post no longer is what it was."""
    return visit.render(
        "edit.html",
        status,
        thread_id=visit.path("thread_id"),
        post=post,
        body=body,
        was=_digest(str(post["body"])),
        after=after,
        problem=changed,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def show_removing(visit: Visit) -> Response:
    """Asks once more."""
    post = await _own_post(visit)
    return visit.render(
        "remove.html",
        thread_id=visit.path("thread_id"),
        post=post,
        after=visit.query("after") or "",
    )


async def remove(visit: Visit) -> Response:
    """Removes a post; a place stays."""
    post_id = visit.path("post_id")
    await visit.ask("forum", "DELETE", f"/posts/{post_id}")
    return back_to(visit, visit.path("thread_id"), "removed", f"post-{post_id}")


async def react(visit: Visit) -> Response:
    """Gives one of the three reactions, or takes it back."""
    post_id, kind = visit.path("post_id"), visit.field("kind")
    if kind not in REACTIONS:
        raise Refused(422, "invalid")
    method = "DELETE" if visit.field("given") == "yes" else "PUT"
    await visit.ask("forum", method, f"/posts/{post_id}/reactions/{kind}")
    return back_to(visit, visit.path("thread_id"), anchor=f"post-{post_id}")


POST = "/forum/threads/{thread_id:uuid}/posts/{post_id:uuid}"
routes = [
    page(f"{POST}/edit", show_editing, READERS),
    form(f"{POST}/edit", edit, READERS),
    page(f"{POST}/remove", show_removing, READERS),
    form(f"{POST}/remove", remove, READERS),
    form(f"{POST}/reactions", react, READERS),
]
