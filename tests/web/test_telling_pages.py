"""Telling a peer consultant about a text, and a pause from writing, as the people in it meet them."""

from uuid import uuid4

import pytest

from tests.web.browser import Browser
from tests.web.conftest import People

REASON = "Ta noen dager fri fra denne tråden."


@pytest.fixture(scope="module")
def community(people: People) -> str:
    return people.community()


@pytest.fixture
def writer(people: People, community: str) -> Browser:
    return people.member(community, language="nb")


@pytest.fixture(scope="module")
def reader(people: People, community: str) -> Browser:
    return people.member(community)


@pytest.fixture(scope="module")
def kari(people: People, community: str) -> Browser:
    return people.consultant(community)


def _thread(writer: Browser, body: str) -> str:
    writer.open("/forum/write")
    writer.press("Send", "/forum/write", title=f"En dag {uuid4().hex[:6]}", body=body, wish="listen")
    return writer.path


def test_what_a_member_tells_stands_before_peer_consultants_until_they_are_done(
    writer: Browser, reader: Browser, kari: Browser
) -> None:
    words = f"Dette var leit {uuid4().hex[:6]}"
    thread = _thread(writer, words)
    reader.open(thread)
    reader.follow("Tell a peer consultant")
    assert words in reader.page.text
    assert "They don’t see who told them" in reader.page.text
    reader.press("Tell them", category="worry")
    assert "Thank you for telling us" in reader.page.text
    assert reader.path == thread

    kari.open("/for-you")
    kari.follow("Somebody has told you about a text.")
    assert words in kari.page.text
    assert "I’m worried about this person" in kari.page.text
    writer.open(thread)
    writer.follow("Rediger")
    writer.press("Erstatt teksten", body="Noe annet.")
    kari.open("/forum")
    kari.follow("What you have been told")
    assert words in kari.page.text
    assert "The writer has changed it since." in kari.page.text
    [(post, form)] = [(form.action, form) for form in kari.page.forms if form.action.endswith("/done")][-1:]
    kari.post(post, form.values)
    assert words not in kari.page.text
    writer.open("/for-you")
    assert "Ikke noe nytt akkurat nå" in writer.page.text, "the writer learns nothing of it"


def test_a_text_that_is_ones_own_has_no_button_to_tell_of_it(writer: Browser, reader: Browser) -> None:
    thread = _thread(writer, "Mitt eget.")
    assert "Si fra til en erfaringskonsulent" not in writer.open(thread).text
    assert "Tell a peer consultant" in reader.open(thread).text


def test_a_pause_says_why_and_until_when_and_keeps_what_was_written(
    writer: Browser, reader: Browser, kari: Browser
) -> None:
    thread = _thread(writer, "Uvennlige ord.")
    writer.open(thread)
    form, _ = writer.form("Send", "/replies")
    kari.open(thread)
    kari.follow("A pause for the writer")
    assert "Counts only if the writer belongs to this region" in kari.page.text
    assert "Elsewhere nobody reads them" in kari.page.text
    assert "not write, edit or react" in kari.page.text
    kari.press("Begin the pause", days="7", category="unkind", reason=REASON)
    assert REASON in kari.page.text

    writer.post(form.action, form.values | {"body": "Mine ord, som jeg skrev lenge på."})
    assert writer.answer.status_code == 403
    assert "Mine ord, som jeg skrev lenge på." in writer.answer.text
    assert "Du har en pause fra å skrive i forumet, så dette ble ikke sendt." in writer.page.text
    writer.follow("Hvorfor, og hvor lenge")
    assert REASON in writer.page.text
    assert "Du kan ikke skrive i forumet før" in writer.page.text
    assert "Du er velkommen til å lese som før" in writer.page.text
    writer.open(thread)
    assert "Uvennlige ord." in writer.page.text
    assert not [form for form in writer.page.forms if form.action.endswith("/replies")]
    writer.open("/forum/write")
    assert writer.path == "/forum/pause"
    assert "pause" not in reader.open(thread).text.lower(), "nobody else is told"

    kari.open("/forum/told")
    [lift] = [form for form in kari.page.forms if form.action.endswith("/lift")]
    kari.post(lift.action, lift.values)
    assert "The pause is over" in kari.page.text
    writer.open("/for-you")
    writer.follow("Du kan skrive i forumet igjen.")
    assert "Det er ingen pause." in writer.page.text
    writer.open("/for-you")
    assert "Ikke noe nytt akkurat nå" in writer.page.text
    writer.open(thread)
    writer.press("Send", "/replies", body="Takk for tiden.")
    assert "Takk for tiden." in writer.page.text


def test_only_peer_consultants_read_what_was_told(reader: Browser) -> None:
    for path in ("/forum/told", f"/forum/told/{uuid4()}/pause"):
        reader.open(path)
        assert reader.answer.status_code == 403
