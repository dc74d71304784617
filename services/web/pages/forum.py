"""The forum's list of threads, and opening a new one."""

import hashlib
import json
from typing import Any

from starlette.responses import Response

from services.web.errors import FieldFault, Refused
from services.web.pages.profile import writer_of
from services.web.visits import READERS, Visit, form, page
from services.web.words import N_

WISHES = ("listen", "experiences", "advice")
THREADS_SHOWN = 20
KEPT = N_("Your text is still here.")


async def show(visit: Visit) -> Response:
    """A page of threads, the latest first."""
    threads = await visit.ask(
        "forum",
        "GET",
        "/threads",
        params={"after": visit.query("after"), "limit": THREADS_SHOWN},
    )
    return visit.render("forum.html", threads=threads["items"], next=threads["next"])


async def show_writing(visit: Visit) -> Response:
    """The form for a new thread; without a forum name, first the choice of one; in a pause, what it says."""
    writer = await writer_of(visit)
    if not writer.has_name:
        return visit.go("/forum/name")
    if writer.paused:
        return visit.go("/forum/pause")
    return visit.render("write.html", title="", body="", wish="", key="")


async def open_thread(visit: Visit) -> Response:
    """Opens a thread."""
    written = {"title": visit.field("title"), "wish": visit.field("wish"), "body": visit.field("body")}
    try:
        _require_whole(written)
        thread = await _opened(visit, written)
    except Refused as error:
        if error.status != 422:
            raise
        problem = f"{visit.explain(error)} {visit.gettext(KEPT)}"
        return visit.render("write.html", 422, **written, key="", problem=problem)
    return visit.go(f"/forum/threads/{thread['id']}", "posted")


async def _opened(visit: Visit, written: dict[str, str]) -> Any:
    """The thread with these words, opened unless it is there already.

    Whoever goes back to the form is given a fresh one, with a fresh key: only the words say that it is the same thread.
    """
    words = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
    thread = await visit.ask("forum", "POST", "/threads", written, key=words)
    changed_since = thread["removed"] or thread["posts"][0]["edited"]
    if changed_since:  # these words no longer stand there: they are wanted anew
        thread = await visit.ask("forum", "POST", "/threads", written, key=visit.field("key"))
    return thread


def _require_whole(written: dict[str, str]) -> None:
    """Raises Refused naming what a thread still needs."""
    faults = [FieldFault(name, "missing") for name in ("title", "body") if not written[name]]
    if written["wish"] not in WISHES:
        faults.append(FieldFault("wish", "not_chosen"))
    if faults:
        raise Refused(422, "invalid", fields=tuple(faults))


routes = [
    page("/forum", show, READERS),
    page("/forum/write", show_writing, READERS),
    form("/forum/write", open_thread, READERS),
]
