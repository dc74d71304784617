"""Reading and writing in the forum, without scripts."""

from uuid import uuid4

import pytest

from tests.web.browser import Browser
from tests.web.conftest import People

COOKIE = "visit-north"


@pytest.fixture(scope="module")
def community(people: People) -> str:
    return people.community()


@pytest.fixture(scope="module")
def writer(people: People, community: str) -> Browser:
    return people.member(community)


@pytest.fixture(scope="module")
def reader(people: People, community: str) -> Browser:
    return people.member(community, language="nb")


@pytest.fixture(scope="module")
def kari(people: People, community: str) -> Browser:
    return people.consultant(community)


def _thread(
    browser: Browser, title: str, body: str = "Det regner, og det er greit.", wish: str = "listen"
) -> str:
    browser.open("/forum/write")
    browser.press("Send", "/forum/write", title=title, body=body, wish=wish)
    assert "Thank you for writing" in browser.page.text
    return browser.path


def _title() -> str:
    return f"En stille dag {uuid4().hex[:6]}"


def test_reading_needs_no_forum_name_and_writing_asks_for_one(
    people: People, community: str, writer: Browser
) -> None:
    thread = _thread(writer, _title())
    reader = people.joined("member", community)
    reader.open(thread)
    assert "To write you need a forum name" in reader.page.text
    reader.open("/forum/write")
    assert reader.path == "/forum/name"


def test_a_reply_is_new_for_the_writer_until_they_open_it(writer: Browser, reader: Browser) -> None:
    title = _title()
    reader.open(_thread(writer, title))
    reader.press("Send", "/replies", body="Her regner det også.")
    assert "Her regner det også." in reader.page.text
    assert reader.page.title == "Tråd"
    assert "post-" in str(reader.answer.url)
    writer.open("/for-you")
    assert title in writer.page.text
    writer.open("/")
    assert "Somebody replied in" in writer.page.text
    writer.open("/for-you")
    writer.follow(title)
    assert "Her regner det også." in writer.page.text
    writer.open("/for-you")
    assert title not in writer.page.text, "opening the page put the read mark"


def test_a_form_sent_twice_makes_one_reply(writer: Browser) -> None:
    _thread(writer, _title())
    form, _ = writer.form("Send", "/replies")
    for _ in range(2):
        writer.post(form.action, form.values | {"body": "Bare én gang."})
    assert writer.page.text.count("Bare én gang.") == 1


def test_a_reply_changed_after_it_was_sent_is_kept_and_can_be_sent_as_another(writer: Browser) -> None:
    _thread(writer, _title())
    form, _ = writer.form("Send", "/replies")
    writer.post(form.action, form.values | {"body": "Slik sto det først."})
    writer.post(form.action, form.values | {"body": "Slik skulle det stå."})
    assert "What you sent first has already arrived" in writer.page.text
    writer.press("Try again")
    assert "Slik sto det først." in writer.page.text
    assert "Slik skulle det stå." in writer.page.text


def test_the_same_words_from_a_fresh_form_lead_to_the_thread_that_is_there(writer: Browser) -> None:
    title = _title()
    first = _thread(writer, title)
    assert _thread(writer, title) == first
    other = _thread(writer, title, body="Andre ord.")
    assert other != first
    writer.follow("Edit")
    writer.press("Replace the text", body="Tredje ord.")
    assert _thread(writer, title, body="Andre ord.") != other, "the words no longer stand there"
    writer.open(first)
    writer.follow("Remove")
    writer.press("Remove for good")
    assert _thread(writer, title) != first


def test_editing_replaces_the_text_and_removing_leaves_a_place(writer: Browser, reader: Browser) -> None:
    thread = _thread(writer, _title(), body="Første ord.")
    writer.follow("Edit")
    assert writer.form("Replace the text")[0].values["body"] == "Første ord."
    writer.press("Replace the text", body="Andre ord.")
    reader.open(thread)
    assert "Andre ord." in reader.page.text
    assert "Første ord." not in reader.page.text
    assert "redigert" in reader.page.text
    writer.open(thread)
    writer.follow("Remove")
    writer.press("Remove for good")
    reader.open(thread)
    assert "Fjernet av den som skrev" in reader.page.text
    assert "Andre ord." not in reader.page.text


def test_a_text_edited_in_two_windows_is_shown_before_it_is_replaced(writer: Browser) -> None:
    _thread(writer, _title(), body="Første ord.")
    writer.follow("Edit")
    form, _ = writer.form("Replace the text")
    writer.press("Replace the text", body="Fra telefonen.")
    writer.post(form.action, form.values | {"body": "Fra\r\nmaskinen."}, multipart=True)
    assert writer.answer.status_code == 409
    assert "was changed somewhere else" in writer.page.text
    assert "Fra telefonen." in writer.page.text
    assert writer.form("Replace the text")[0].values["body"].splitlines() == ["Fra", "maskinen."]
    writer.press("Replace the text")
    assert "Fra telefonen." not in writer.page.text
    writer.post(form.action, form.values | {"body": "Fra\r\nmaskinen."}, multipart=True)
    assert "Your text is changed" in writer.page.text, "sending the same again is no change"


def test_a_reaction_is_words_and_can_be_taken_back(writer: Browser, reader: Browser) -> None:
    thread = _thread(writer, _title())
    reader.open(thread)
    reader.press("Jeg kjenner meg igjen")
    assert 'aria-pressed="true"' in reader.answer.text
    writer.open(thread)
    assert "I recognise this" in writer.page.text
    reader.press("Jeg kjenner meg igjen")
    assert 'aria-pressed="true"' not in reader.answer.text
    writer.open(thread)
    assert "I recognise this" not in writer.page.text


def test_search_finds_a_post_and_its_words_stand_in_no_address(writer: Browser) -> None:
    browser, word = writer, f"hvalross{uuid4().hex[:6]}"
    _thread(browser, _title(), body=f"Jeg så en {word} i dag.")
    browser.open("/forum/search")
    browser.press("Search", q=word)
    assert word in browser.page.text
    assert word not in str(browser.answer.url)
    assert browser.page.title == "Search"
    browser.press("Search", q="ordsomikkefinnes")
    assert "Nothing with these words" in browser.page.text


def test_what_somebody_wrote_comes_back_when_it_cannot_be_sent(writer: Browser) -> None:
    browser = writer
    browser.open("/forum/write")
    browser.press("Send", "/forum/write", title="Uten ønske", body="Lange tanker.")
    assert browser.answer.status_code == 422
    assert "Please choose an answer to “What would you like”. Your text is still here." in browser.page.text
    assert browser.form("Send", "/forum/write")[0].values["body"] == "Lange tanker."
    browser.press("Send", "/forum/write", wish="advice", title="Med \u202e tegn")
    assert "“Title” has characters that can’t be shown" in browser.page.text
    assert browser.form("Send", "/forum/write")[0].values["body"] == "Lange tanker."


def test_a_text_written_while_signed_out_elsewhere_is_still_there(reader: Browser) -> None:
    browser = reader
    browser.open("/forum/write")
    form, _ = browser.form("Send", "/forum/write")
    visit = browser.http.cookies[COOKIE]
    browser.http.cookies.delete(COOKIE)
    browser.post(
        form.action,
        form.values | {"title": "Kveld", "wish": "listen", "body": "Det tok en time å skrive dette."},
    )
    assert browser.answer.status_code == 401
    assert "Teksten din er fortsatt her" in browser.page.text
    again = browser.form("Prøv igjen")[0].values
    assert again["body"] == "Det tok en time å skrive dette."
    assert again["wish"] == "listen"
    assert again["key"] == form.values["key"]
    browser.http.cookies.delete(COOKIE)
    browser.http.cookies.set(COOKIE, visit)  # signed in again in another tab
    browser.press("Prøv igjen")
    assert "Skjemaet var blitt gammelt" in browser.page.text, "its form token was another session's"
    browser.press("Prøv igjen")
    assert "Det tok en time å skrive dette." in browser.page.text
    assert browser.path.startswith("/forum/threads/")


def test_forum_names_that_are_taken_or_look_alike_are_refused(people: People, community: str) -> None:
    name = f"Tjeld {uuid4().hex[:8]}"
    first, second = people.joined("member", community), people.joined("member", community)
    for browser in (first, second):
        browser.open("/forum/name")
        browser.press("Choose this name", name=name)
    assert "Somebody has this name, or one that looks like it" in second.page.text
    assert second.form("Choose this name")[0].values["name"] == name


def test_a_consultant_hides_with_a_reason_and_restores(
    writer: Browser, reader: Browser, kari: Browser
) -> None:
    thread = _thread(writer, _title())
    reader.open(thread)
    reader.press("Send", "/replies", body="Et navn som ikke skulle stått her.")
    kari.open(thread)
    kari.press("Hide", f"{_last_post(kari)}/hide", reason="Et navn sto der.")
    assert "It is hidden" in kari.page.text
    writer.open(thread)
    assert "Et navn som ikke" not in writer.page.text
    assert "Hidden by a peer consultant" in writer.page.text
    reader.open("/for-you")
    assert "Et navn sto der." in reader.page.text
    kari.open(thread)
    kari.press("Let it be read again")
    writer.open(thread)
    assert "Et navn som ikke" in writer.page.text


def _last_post(browser: Browser) -> str:
    hides = [form.action for form in browser.page.forms if form.action.endswith("/hide")]
    return hides[-1].removesuffix("/hide")


def test_threads_nobody_answered_stand_oldest_first_until_answered(writer: Browser, kari: Browser) -> None:
    first, second = _title(), _title()
    thread = _thread(writer, first)
    _thread(writer, second)
    unanswered = _all_pages(kari, "/forum/unanswered")
    assert unanswered.index(first) < unanswered.index(second)
    kari.open(thread)
    kari.press("Send", "/replies", body="Takk for at du skrev.")
    assert "peer consultant" in kari.page.text
    unanswered = _all_pages(kari, "/forum/unanswered")
    assert first not in unanswered
    assert second in unanswered


def _all_pages(browser: Browser, path: str) -> str:
    """The words of a list that goes on: other tests write in the same forum."""
    words = browser.open(path).text
    while "Show more" in browser.page.text:
        words += browser.follow("Show more").text
    return words


def test_a_long_thread_goes_on_where_the_reply_was_written(writer: Browser) -> None:
    browser = writer
    thread = _thread(browser, _title())
    form, _ = browser.form("Send", "/replies")
    for number in range(
        16
    ):  # without looking in between: a person who looked so often would be asked to wait
        browser.send(form.action, form.values | {"body": f"Svar nummer {number}.", "key": str(uuid4())})
    browser.open(thread)
    for number in range(16, 24):
        browser.press("Send", "/replies", body=f"Svar nummer {number}.")
        assert f"Svar nummer {number}." in browser.page.text
    browser.open(thread)
    assert "Svar nummer 23." not in browser.page.text
    browser.follow("Later replies")
    assert "Svar nummer 23." in browser.page.text
