"""Forum names: choosing one's own, and looking at somebody's."""

from typing import Any, NamedTuple

from starlette.responses import Response

from services.web.errors import Refused
from services.web.visits import MEMBERS, READERS, Visit, form, page


async def own_profile(visit: Visit) -> dict[str, Any] | None:
    """The person's own profile in the forum; None before they chose a name."""
    try:
        profile: dict[str, Any] = await visit.ask("forum", "GET", "/profile")
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return profile


class Writer(NamedTuple):
    """What somebody needs for writing: a forum name, and no pause."""

    has_name: bool
    paused: bool


async def writer_of(visit: Visit) -> Writer:
    """Writing takes a forum name; a peer consultant's is made at their first post, and they have no pauses."""
    if visit.role == "consultant":
        return Writer(has_name=True, paused=False)
    profile = await own_profile(visit)
    return Writer(profile is not None, paused=profile is not None and profile["paused"] is not None)


async def show_choosing(visit: Visit) -> Response:
    """One's own name, or the form to choose it."""
    profile = await own_profile(visit)
    return visit.render("name.html", profile=profile, name="")


async def choose(visit: Visit) -> Response:
    """A first name, or another one. A peer consultant's is the one chosen at joining: there is nothing to choose."""
    name = visit.field("name")
    profile = await own_profile(visit)
    try:
        await visit.ask("forum", "POST" if profile is None else "PUT", "/profile", {"name": name})
    except Refused as error:
        if error.status not in (409, 422):
            raise
        problem = visit.explain(error)
        return visit.render("name.html", error.status, profile=profile, name=name, problem=problem)
    return visit.go("/forum/name" if profile else "/forum", "named")


async def show(visit: Visit) -> Response:
    """Somebody's name and mark: no joining date, no last visit."""
    profile = await visit.ask("forum", "GET", f"/profiles/{visit.path('profile_id')}")
    return visit.render("profile.html", profile=profile)


routes = [
    page("/forum/name", show_choosing, READERS),
    form("/forum/name", choose, MEMBERS),
    page("/forum/names/{profile_id:uuid}", show, READERS),
]
