"""Every page of the web client and every text field of every form on it, found by looking: a new one is tried too."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.routing import Route

from services.web.app import PLACES
from services.web.fields import LABELS
from shared import clock
from tests import tried
from tests.abuse.services import Here, in_days
from tests.abuse.test_pages import CANARY, Visitor, judge_page
from tests.abuse.web import URL, web_before
from tests.events.conftest import CAFE

ROLES = ("member", "consultant", "provider", "analyst", "operator")
WORDS = ("text", "search", "password", "email", "tel", "url", "hidden")
KEPT = {"form_token", "speak"}  # what they say is checked elsewhere
# A choice or a number on the page: the API's fuzzing has them.
NO_WORDS = {"starts", "wish", "category", "days", "community_id", "communities", "step_free", "capacity", "members", "count", "monthly_times", "duration_minutes"}  # fmt: skip
# On pages that come only after another form, or on the day of a café; typed by hand below and in test_pages.py.
LATER = {"code", "display_name", "sign_in_name", "new_passphrase", "invitation", "recovery_code", "receipt"}


@dataclass
class Form:
    """A form as a browser sees it: where it goes, what it would send, and which of that a person types."""

    action: str
    sends: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """All forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and said.get("method") == "post":
            self.found.append(Form(said["action"]))
        elif self.found and (name := said.get("name")):
            form = self.found[-1]
            kind = said.get("type", "text") if tag == "input" else tag
            if kind not in ("radio", "checkbox") or "checked" in said or name not in form.sends:
                form.sends[name] = said.get("value") or "1"
            if (kind in WORDS or tag == "textarea") and name not in KEPT:
                form.typed.append(name)


@dataclass
class Place:
    """A community with a café and a thread of its own, and somebody of each role."""

    visitors: dict[str, Visitor]
    ids: dict[str, str]


@pytest.fixture(scope="module")
def place(here: Here) -> Iterator[Place]:
    web = web_before(here)
    made = here.makes(
        "events", "/communities", {"name": f"Skog {uuid4().hex[:6]}", "area": "A"}, role="operator"
    )
    community = here.run(here.identity.community(id_=UUID(made["id"])))
    visitors = {"nobody": Visitor(here, web)}
    for role in ROLES:
        person = here.run(here.identity.joined(role, [] if role in ("analyst", "operator") else [community]))
        visitors[role] = Visitor(here, web)
        assert visitors[role].sign_in(person.sign_in_name).status_code == 303
    visitors["member"].post("/forum/name", "/forum/name", name=f"Alder {uuid4().hex[:6]}")
    planner = here.issuer.bearer("events", role="consultant", communities=[community])
    cafe = CAFE | {"community_id": made["id"], "starts": in_days(2)}
    ids = {"gathering_id": here.makes("events", "/gatherings", cafe, headers=planner)["ids"][0]}
    soon = (
        (clock.now() + timedelta(minutes=10))
        .astimezone(ZoneInfo(str(CAFE["zone"])))
        .strftime("%Y-%m-%dT%H:%M")
    )
    ids["today_id"] = here.makes("events", "/gatherings", cafe | {"starts": soon}, headers=planner)["ids"][0]
    writing = visitors["member"].post(
        "/forum/write", "/forum/write", title="T", wish="listen", body="B", key=uuid4().hex
    )
    ids["thread_id"] = writing.headers["location"].split("/")[-1].partition("?")[0].partition("#")[0]
    thread = here.ask("GET", "forum", f"/threads/{ids['thread_id']}", role="member").json()
    ids["post_id"], ids["profile_id"] = thread["posts"][0]["id"], thread["author"]["id"]
    yield Place(visitors, ids)
    for visitor in visitors.values():
        here.run(visitor.http.aclose())


def pages(ids: dict[str, str]) -> Iterator[str]:
    """The address of every page, with ids of what exists."""
    for place in PLACES:
        for route in place.routes:
            if isinstance(route, Route) and "GET" in (route.methods or ()):
                known = {name: ids[name] for name in route.param_convertors if name in ids}
                assert known.keys() == route.param_convertors.keys(), route.path
                path = route.path
                for name, value in known.items():
                    path = path.replace("{" + name + ":uuid}", value).replace("{" + name + "}", value)
                yield path


def judged(answer: httpx.Response, what: object) -> None:
    """Ours whatever was typed: the policy, no element from the text, no fault."""
    assert answer.status_code < 500, what
    judge_page(answer)
    assert "evil.example" not in answer.headers.get("location", "")


def type_into_everything(visitor: Visitor, ids: dict[str, str]) -> set[str]:
    """Fields into which the canary was typed, on every page that this visitor gets."""
    seen: set[tuple[str, str]] = set()
    for path in pages(ids):
        page = visitor.open(path)
        judged(page, path)
        for form in Forms(page.text).found:
            for name in form.typed:
                if (form.action, name) in seen:
                    continue
                seen.add((form.action, name))
                body = form.sends | {name: CANARY, "form_token": fresh_token(visitor, path)}
                answer = visitor.here.run(
                    visitor.http.post(
                        form.action, data=body, headers={"Origin": URL, "Sec-Fetch-Site": "same-origin"}
                    )
                )
                judged(answer, (form.action, name))
                tried.count("abuse", "texts")
    return {name for _, name in seen}


def fresh_token(visitor: Visitor, path: str) -> str:
    forms = Forms(visitor.open(path).text).found
    return next(form.sends["form_token"] for form in forms if "form_token" in form.sends)


def test_nothing_typed_into_any_field_becomes_part_of_a_page(place: Place) -> None:
    typed: set[str] = set()
    for visitor in place.visitors.values():
        typed |= type_into_everything(visitor, place.ids)
    for visitor in place.visitors.values():  # and once more, with what has been stored
        for path in pages(place.ids):
            judged(visitor.open(path), path)
    assert sorted(LABELS.keys() - NO_WORDS - LATER - typed) == []


def test_what_a_consultant_types_while_joining_stays_text(here: Here, place: Place) -> None:
    invitation = here.run(here.identity.invitation("consultant", [here.run(here.identity.community())]))
    visitor = place.visitors["nobody"]
    said = here.run(here.identity.joining(invitation))
    typed = {
        "invitation": invitation,
        "role": "consultant",
        "research": "no",
        "agreement_version": said["agreement_version"],
        "consent_version": said["consent_version"],
        "offer": said["offer"],
        "sign_in_name": said["sign_in_name"],
        "passphrase": "short",
        "display_name": CANARY,
    }
    answer = visitor.post("/join", "/join/finish", **typed)
    judged(answer, "display_name")
    assert "&lt;x-canary" in answer.text, "it comes back as it was typed"
    tried.count("abuse", "texts")


def test_what_is_typed_as_the_code_of_the_day_stays_text(place: Place) -> None:
    visitor = place.visitors["member"]
    answer = visitor.post("/me", f"/cafes/{place.ids['today_id']}/check-in", code=CANARY)
    judged(answer, "code")
    assert "&lt;x-canary" in answer.text, "it comes back as it was typed"
    tried.count("abuse", "texts")
