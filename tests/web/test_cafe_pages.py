"""Cafés through the pages: planning, answering, checking in, counting."""

from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from shared import clock
from tests.web.browser import Browser
from tests.web.conftest import People

ZONE = "Europe/Oslo"
EXACT = "Sjøgata 3, andre etasje"


@pytest.fixture(scope="module")
def community(people: People) -> str:
    return people.community()


@pytest.fixture(scope="module")
def kari(people: People, community: str) -> Browser:
    return people.consultant(community)


@pytest.fixture(scope="module")
def guest(people: People, community: str) -> Browser:
    return people.joined("member", community)


def _plan(kari: Browser, title: str, **other: str) -> str:
    """Plans a café that starts in half an hour; its address."""
    starts = clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(minutes=30)
    details = {
        "title": title,
        "day": f"{starts:%Y-%m-%d}",
        "time": f"{starts:%H:%M}",
        "area": "Sentrum",
        "way_there": "Buss 4 til torget",
        "toilet": "Rett innenfor døra",
        "step_free": "yes",
        "met_by": "Kari",
        "place": EXACT,
    }
    kari.open("/cafes/plan")
    kari.press("Plan it", **(details | other))
    assert "It is planned" in kari.page.text
    assert title in kari.page.text, "planning leads to the new café"
    return kari.path


def _title() -> str:
    return f"Vaffelkafé {uuid4().hex[:6]}"


def test_before_answering_one_sees_everything_but_the_exact_place(kari: Browser, guest: Browser) -> None:
    title = _title()
    path = _plan(kari, title, prompt_text="Hva gjorde deg glad i høst?")
    guest.open("/")
    assert "Next café" in guest.page.text
    guest.open(path)
    for words in (
        "Buss 4 til torget",
        "Rett innenfor døra",
        "Step-free",
        "Kari meets you",
        "Hva gjorde deg glad i høst?",
    ):
        assert words in guest.page.text
    assert EXACT not in guest.page.text
    guest.press("Maybe")
    assert EXACT in guest.page.text
    guest.press("Today isn’t a good day")
    assert "Thanks for telling us. You’re welcome next time." in guest.page.text
    assert EXACT not in guest.page.text


def test_the_consultant_sees_how_many_and_the_names_left_apart(kari: Browser, guest: Browser) -> None:
    path = _plan(kari, _title())
    guest.open(path)
    guest.press("Come along")
    assert "Lovely" in guest.page.text
    guest.press("Leave this name", name="Mai")
    kari.open(path)
    assert "Come along: 1. Maybe: 0." in kari.page.text
    assert "Mai" in kari.page.text
    guest.press("Take it back")
    kari.open(path)
    assert "Mai" not in kari.page.text


def test_a_full_cafe_has_a_waiting_list(
    people: People, community: str, kari: Browser, guest: Browser
) -> None:
    path = _plan(kari, _title(), capacity="1")
    other = people.joined("member", community, language="nb")
    guest.open(path)
    guest.press("Come along")
    other.open(path)
    other.press("Bli med")
    assert "nummer 1 på ventelista" in other.page.text
    guest.press("Not this time")
    other.open("/for-you")
    assert "Det er blitt en plass til deg" in other.page.text


def test_checking_in_with_the_code_of_the_day(kari: Browser, guest: Browser) -> None:
    path = _plan(kari, _title())
    code = kari.page.text.split("Code of the day: ")[1][:7]
    assert "Are you here?" not in kari.page.text
    guest.open(path)
    guest.press("I am here", code="000 001" if code != "000 001" else "000 002")
    assert "That isn’t today’s code" in guest.page.text
    guest.press("I am here", code=code)
    assert guest.page.text.count("Good that you came") == 1
    kari.open(path)
    kari.press("Keep the head count", members="5")
    assert kari.form("Keep the head count")[0].values["members"] == "5"


def test_what_is_wrong_with_a_plan_is_named_with_its_limit(kari: Browser) -> None:
    kari.open("/cafes/plan")
    starts = clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=1)
    kari.press("Plan it", title="Vaffel", day=f"{starts:%Y-%m-%d}", time="18:00", area="Sentrum", way_there="x" * 2001,
               toilet="Til venstre", step_free="yes", met_by="", place=EXACT, capacity="0")  # fmt: skip
    assert kari.answer.status_code == 422
    for words in (
        "“The way there” can have 2000 letters at most.",
        "“Who meets people at the door” is empty.",
        "“Room for” must be 1 or more.",
    ):
        assert words in kari.page.text
    assert kari.form("Plan it")[0].values["toilet"] == "Til venstre"


def test_a_prompt_leads_to_its_thread_until_that_is_removed(
    people: People, community: str, kari: Browser
) -> None:
    kari.open("/forum/write")
    kari.press("Send", "/forum/write", title="Høstens lyd", body="Hva hører du?", wish="experiences")
    thread = kari.path
    path = _plan(kari, _title(), prompt_thread=f"http://localhost{thread}", prompt_text="Hva hører du?")
    assert ("The thread in the forum", thread) in kari.page.links
    kari.open(thread)
    kari.follow("Remove")
    kari.press("Remove for good")
    assert "A thread whose first post was removed" in kari.page.text
    assert "The thread is closed" in kari.page.text
    assert not [form for form in kari.page.forms if form.action.endswith("/replies")]
    assert "Hva hører du?" in kari.open(path).text
    assert "The thread in the forum" not in [words for words, _ in kari.page.links]


def test_a_moved_and_a_cancelled_cafe_say_why(kari: Browser, guest: Browser) -> None:
    title = _title()
    path = _plan(kari, title)
    guest.open(path)
    guest.press("Come along")
    kari.follow("Move or change it")
    assert kari.form("Change it")[0].values["place"] == EXACT
    later = f"{clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=2):%Y-%m-%d}"
    kari.press("Change it", day=later)
    assert "Please say in a few words why" in kari.page.text
    kari.press("Change it", reason="Rommet var opptatt.")
    guest.open("/for-you")
    assert "A café is moved" in guest.page.text
    guest.follow(title)
    assert "Rommet var opptatt." in guest.page.text
    kari.press("Cancel the café", reason="Kari er syk.")
    guest.open(path)
    assert "Cancelled. Kari er syk." in guest.page.text


def test_a_monthly_series_is_planned_in_one_go(kari: Browser) -> None:
    title = _title()
    _plan(kari, title, monthly_times="3")
    kari.open("/cafes")
    assert kari.page.text.count(title) == 3


def test_a_cafe_of_another_community_is_not_here(people: People, kari: Browser) -> None:
    path = _plan(kari, _title())
    stranger = people.joined("member", people.community())
    stranger.open(path)
    assert stranger.answer.status_code == 404
