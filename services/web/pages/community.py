"""Showing one's community in the forum, and hiding it again: what that tells, and to whom, is said first."""

from starlette.responses import Response

from services.web.pages.profile import own_profile
from services.web.visits import MEMBERS, Visit, form, page

PATH = "/forum/community"
SCOPE = "community"  # of the token in which identity names it, for this alone


async def look(visit: Visit) -> Response:
    """Whether it is shown, and what showing it would tell."""
    profile = await own_profile(visit)
    account = await visit.ask("identity", "GET", "/me")
    names = [community["name"] for community in account["communities"]]
    return visit.render("community.html", profile=profile, community=names[0] if names else None)


async def show(visit: Visit) -> Response:
    """From now on it stands beside the forum name."""
    await visit.ask("forum", "PUT", "/profile/community", scope=SCOPE)
    return visit.go(PATH, "community-shown")


async def hide(visit: Visit) -> Response:
    """From now on it doesn't."""
    await visit.ask("forum", "DELETE", "/profile/community")
    return visit.go(PATH, "community-hidden")


routes = [
    page(PATH, look, MEMBERS),
    form(f"{PATH}/show", show, MEMBERS),
    form(f"{PATH}/hide", hide, MEMBERS),
]
