"""Forum names: choosing one's own, and looking at somebody's."""

from typing import Any

from starlette.responses import Response

from services.web.errors import Refused
from services.web.visits import READERS, Visit, form, page
from services.web.words import sentence_for


async def own_profile(visit: Visit) -> dict[str, Any] | None:
    """The person's own profile in the forum; None before they chose a name."""
    try:
        profile: dict[str, Any] = await visit.ask("forum", "GET", "/profile")
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return profile


async def show_choosing(visit: Visit) -> Response:
    """One's own name, or the form to choose it."""
    profile = await own_profile(visit)
    return visit.render("name.html", profile=profile, name="", key="")


async def choose(visit: Visit) -> Response:
    """Peer consultants have one name everywhere, from joining; they only confirm it."""
    name = visit.field("name")
    body = {"name": name} if visit.role == "member" else {}
    try:
        await visit.ask("forum", "POST", "/profile", body, key=visit.field("key"))
    except Refused as error:
        if error.status not in (409, 422):
            raise
        problem = visit.gettext(sentence_for(error))
        return visit.render("name.html", error.status, profile=None, name=name, key="", problem=problem)
    return visit.go("/forum", "named")


async def show(visit: Visit) -> Response:
    """Somebody's name and mark: no joining date, no last visit."""
    profile = await visit.ask("forum", "GET", f"/profiles/{visit.path('profile_id')}")
    return visit.render("profile.html", profile=profile)


routes = [
    page("/forum/name", show_choosing, READERS),
    form("/forum/name", choose, READERS),
    page("/forum/names/{profile_id:uuid}", show, READERS),
]
