"""One thread: reading it, replying, watching."""

import asyncio
from typing import Any

import structlog
from starlette.responses import JSONResponse, Response

from services.web.errors import Refused, ServiceError
from services.web.pages.profile import Writer, writer_of
from services.web.visits import READERS, Visit, form, page

POSTS_SHOWN = 20

_log = structlog.get_logger()


async def show(visit: Visit) -> Response:
    """A page of a thread. The forum's GET writes nothing: as its client we then put the read mark."""
    thread_id, after = visit.path("thread_id"), visit.query("after")
    thread, writer = await asyncio.gather(
        visit.ask("forum", "GET", f"/threads/{thread_id}", params={"after": after, "limit": POSTS_SHOWN}),
        writer_of(visit),
    )
    if not only_looks_ahead(visit):
        await mark_read(visit, thread)
    return render_thread(visit, thread, writer, after)


def render_thread(visit: Visit, thread: dict[str, Any], writer: Writer, after: str | None) -> Response:
    """The page, given what was fetched."""
    posts = thread["posts"]
    return visit.render(
        "thread.html",
        thread=thread,
        posts=posts,
        has_name=writer.has_name,
        paused=writer.paused,
        after=after or "",
        # Where a reply written on this page will be found: on this page, or, if it is full, on the next.
        reply_after=posts[-1]["id"] if len(posts) >= POSTS_SHOWN else after or "",
        last_shown=posts[-1]["id"] if posts else "",
    )


async def mark_read(visit: Visit, thread: dict[str, Any]) -> None:
    """Puts the read mark for the posts just fetched; a page is shown also when that fails."""
    shown = [post["id"] for post in thread["posts"]]
    if not shown:
        return
    try:
        await visit.ask("forum", "PUT", f"/threads/{thread['id']}/read-mark", {"shown": shown})
    except ServiceError as error:
        _log.warning("read_mark_not_put", error=type(error).__name__)


def only_looks_ahead(visit: Visit) -> bool:
    """A browser fetching a page before anybody asked for it is no reader."""
    headers = visit.request.headers
    return "prefetch" in headers.get("sec-purpose", headers.get("purpose", ""))


async def say_seen(visit: Visit, path: str) -> None:
    """Tells the forum that a page of its was read; the page is shown also when that fails."""
    try:
        await visit.ask("forum", "PUT", path)
    except ServiceError as error:
        _log.warning("seen_not_said", error=type(error).__name__)


async def reply(visit: Visit) -> Response:
    """Writes a reply."""
    thread_id = visit.path("thread_id")
    if not visit.field("body"):
        return back_to(visit, thread_id, anchor="reply")
    post = await visit.ask(
        "forum", "POST", f"/threads/{thread_id}/posts", {"body": visit.field("body")}, key=visit.field("key")
    )
    return back_to(visit, thread_id, "posted", f"post-{post['id']}")


def back_to(visit: Visit, thread_id: str, said: str = "", anchor: str = "") -> Response:
    """To the page of the thread that the form stood on."""
    query = "&".join(
        f"{name}={value}" for name, value in (("after", _cursor(visit)), ("said", said)) if value
    )
    path = f"/forum/threads/{thread_id}{'?' + query if query else ''}"
    return visit.go(path, anchor=anchor)


def _cursor(visit: Visit) -> str:
    after = visit.field("after")
    return after if after.replace("-", "").isalnum() else ""


async def watch(visit: Visit) -> Response:
    """Watches the thread, or stops."""
    thread_id, wanted = visit.path("thread_id"), visit.field("watching") == "yes"
    await visit.ask("forum", "PUT" if wanted else "DELETE", f"/threads/{thread_id}/watching")
    return back_to(visit, thread_id, "watching" if wanted else "not-watching")


async def count_new(visit: Visit) -> Response:
    """For the quiet line under an open thread: how many posts of others came after the last one shown."""
    try:
        later = await visit.ask(
            "forum",
            "GET",
            f"/threads/{visit.path('thread_id')}",
            params={"after": visit.query("after"), "limit": POSTS_SHOWN},
        )
    except Refused:
        return JSONResponse({"count": 0, "line": ""})
    count = sum(1 for post in later["posts"] if not post["mine"])
    line = visit.ngettext("%(num)d new reply", "%(num)d new replies", count) % {"num": count}
    return JSONResponse({"count": count, "line": line})


routes = [
    page("/forum/threads/{thread_id:uuid}", show, READERS),
    page("/forum/threads/{thread_id:uuid}/new", count_new, READERS),
    form("/forum/threads/{thread_id:uuid}/replies", reply, READERS),
    form("/forum/threads/{thread_id:uuid}/watching", watch, READERS),
]
