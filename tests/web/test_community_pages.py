"""Showing one's community beside one's forum name, and hiding it again, as a member and a reader see it."""

from uuid import uuid4

import pytest

from tests.web.browser import Browser
from tests.web.conftest import People

PAGE = "/forum/community"
TELLS = (
    "På siden til navnet står også navnet på denne regionen, Peercafe Nord.",
    "Alle deltakere og erfaringskonsulenter kan lese det",
    "Jo mindre et hjemsted er",
    "kan ikke tas tilbake",
)


@pytest.fixture(scope="module")
def community(people: People) -> str:
    return people.community()


@pytest.fixture(scope="module")
def reader(people: People) -> Browser:
    return people.member(people.town)


def test_a_member_reads_what_showing_tells_then_shows_then_hides_it(
    people: People, community: str, reader: Browser
) -> None:
    writer = people.member(community, language="nb")
    writer.open("/forum/write")
    writer.press("Send", "/forum/write", title=f"En dag {uuid4().hex[:6]}", body="Det gikk.", wish="listen")
    thread = writer.path
    assert community not in reader.open(thread).text

    writer.open("/me")
    writer.follow("Hjemstedet mitt i forumet")
    for words in TELLS:
        assert words in writer.page.text
    assert community not in reader.open(thread).text, "looking shows nothing"
    writer.press("Vis hjemstedet mitt")
    assert (
        f"{community} står ved siden av forumnavnet ditt, og på siden til navnet står Peercafe Nord"
        in writer.page.text
    )
    assert community in reader.open(thread).text
    assert "Peercafe North" not in reader.page.text.split("Det gikk.")[0].split(community)[1], (
        "the region is on the name's page"
    )
    reader.follow(_name_of(writer))
    assert f"They show where they belong: {community}, Peercafe North." in reader.page.text

    writer.press("Skjul det igjen")
    assert "Det er skjult igjen" in writer.page.text
    assert community not in reader.open(thread).text
    reader.follow(_name_of(writer))
    assert community not in reader.page.text


def test_without_a_forum_name_there_is_nothing_to_show_it_beside(people: People, community: str) -> None:
    newcomer = people.joined("member", community)
    newcomer.open(PAGE)
    assert [form for form in newcomer.page.forms if form.action.startswith(PAGE)] == []
    newcomer.follow("Choose a forum name")
    assert newcomer.path == "/forum/name"


def test_a_peer_consultant_has_no_such_page(people: People, community: str) -> None:
    kari = people.consultant(community)
    assert "This page isn’t for your role" in kari.open(PAGE).text
    assert kari.answer.status_code == 403


def _name_of(member: Browser) -> str:
    """The forum name that the person reads on their own page."""
    here = member.path
    words = member.open("/forum/name").text
    member.open(here)
    start = words.index("Måke ")
    return words[start : start + len("Måke ") + 8]
