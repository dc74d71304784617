"""Joining, one step at a time: the invitation, what one agrees to, the way in, the recovery codes.

Nothing is kept between the steps but in the forms themselves. The invitation's code arrives in the address's fragment,
which browsers don't send, or is typed; it is never in a path or a query.
"""

import asyncio
from typing import Any

from starlette.responses import Response

from services.web.errors import Refused, ServiceError
from services.web.pages.sign_in import enter
from services.web.visits import Visit, form, page
from services.web.words import N_, sentence_for

AGREED = (
    "invitation",
    "role",
    "consent_version",
    "agreement_version",
    "research",
)  # carried to the last step
YESES = ("over_18", "consent", "agreement")
ALL_NEEDED = N_(
    "Please answer every question on this page. Only research is a free choice; the rest is needed."
)


async def show(visit: Visit) -> Response:
    """Step 1: the code."""
    return visit.render("join_code.html", code="")


async def look(visit: Visit) -> Response:
    """Step 1 → 2: the invitation is looked at, not used."""
    if visit.switches_language():
        return visit.render("join_code.html", code=visit.field("invitation"))
    try:
        return await _agreements(visit)
    except ServiceError as error:
        return _at_code(visit, error)


async def agree(visit: Visit) -> Response:
    """Step 2 → 3. Asks for other names too, as often as one likes."""
    everything = all(visit.field(name) == "yes" for name in YESES)
    try:
        if visit.switches_language():
            return await _agreements(visit)
        if not everything or visit.field("research") not in ("yes", "no"):
            return await _agreements(visit, 422, ALL_NEEDED)
        return await _way_in(visit)
    except ServiceError as error:
        return _at_code(visit, error)


async def finish(visit: Visit) -> Response:
    """Step 3 → 4: the account is made, its recovery codes are shown this once."""
    try:
        if visit.field("more") or visit.switches_language():
            return await _way_in(visit)
    except ServiceError as error:
        return _at_code(visit, error)
    try:
        return await _make_account(visit)
    except ServiceError as error:
        return await _not_joined(visit, error)


async def _not_joined(visit: Visit, error: ServiceError) -> Response:
    """Back to the step that can mend it."""
    problem = error.type if isinstance(error, Refused) else ""
    try:
        if problem == "invitation-not-open":
            return _at_code(visit, error)
        if problem == "text-changed":
            return await _agreements(visit, 409, sentence_for(error))
        if problem in ("sign-in-name-taken", "sign-in-name-not-offered"):
            return await _way_in(visit, 409, sentence_for(error))
    except ServiceError as later:
        return _at_code(visit, later)
    return _same_way_in(visit, error)


async def _make_account(visit: Visit) -> Response:
    passphrase = str(visit.form.get("passphrase", ""))
    body: dict[str, Any] = {
        "invitation": visit.field("invitation"),
        "over_18": True,
        "consent_version": visit.field("consent_version"),
        "agreement_version": visit.field("agreement_version"),
        "research": visit.field("research") == "yes",
        "offer": visit.field("offer"),
        "sign_in_name": visit.field("sign_in_name"),
        "passphrase": passphrase,
    }
    if visit.field("display_name"):
        body["display_name"] = visit.field("display_name")
    made = await visit.ask_openly("identity", "POST", "/members", body)
    codes = visit.render(
        "recovery_codes.html",
        codes=made["recovery_codes"],
        sign_in_name=body["sign_in_name"],
        just_joined=True,
    )
    try:
        session = await visit.site.gateway.sign_in(body["sign_in_name"], passphrase)
        return await enter(visit, session, codes)
    except ServiceError:
        return codes  # the account is made and its codes must be shown; signing in can be done by hand


async def _agreements(visit: Visit, status: int = 200, problem: str | None = None) -> Response:
    invitation, texts = await asyncio.gather(
        visit.ask_openly("identity", "POST", "/invitations/look", {"invitation": visit.field("invitation")}),
        visit.ask_openly("identity", "GET", "/texts", params={"language": visit.language}),
    )
    return visit.render(
        "join_agree.html",
        status,
        code=visit.field("invitation"),
        invitation=invitation,
        texts=texts,
        said_yes=[name for name in YESES if visit.field(name) == "yes"],
        research=visit.field("research"),
        problem=visit.gettext(problem) if problem else None,
    )


async def _way_in(visit: Visit, status: int = 200, problem: str | None = None) -> Response:
    names, invitation = await asyncio.gather(
        visit.ask_openly("identity", "GET", "/sign-in-names", params={"language": visit.language}),
        visit.ask_openly("identity", "POST", "/invitations/look", {"invitation": visit.field("invitation")}),
    )
    return visit.render(
        "join_way_in.html",
        status,
        carried=_carried(visit) | {"role": invitation["role"]},
        offer=names["offer"],
        names=names["names"],
        display_name=visit.field("display_name"),
        problem=visit.gettext(problem) if problem else None,
    )


def _carried(visit: Visit) -> dict[str, str]:
    """What the last step brings along from the earlier ones. The role only says which fields to show."""
    return {name: visit.field(name) for name in AGREED}


def _same_way_in(visit: Visit, error: ServiceError) -> Response:
    """The same step with the same offer: a repeat after a silence makes the same account, not a second one."""
    return visit.render(
        "join_way_in.html",
        error.status if isinstance(error, Refused) else 503,
        carried=_carried(visit),
        offer=visit.field("offer"),
        names=[visit.field("sign_in_name")],
        display_name=visit.field("display_name"),
        problem=visit.explain(error),
    )


def _at_code(visit: Visit, error: ServiceError) -> Response:
    status = error.status if isinstance(error, Refused) else 503
    return visit.render(
        "join_code.html", status, code=visit.field("invitation"), problem=visit.explain(error)
    )


async def joined_before(visit: Visit) -> Response:
    """Somebody who has joined loaded the page of their recovery codes again, or went back and sent the form anew."""
    return visit.render("joined_before.html", 409)


routes = [
    page("/join", show),
    form("/join", look),
    form("/join/agree", agree),
    form("/join/finish", finish, outdated=joined_before),
]
