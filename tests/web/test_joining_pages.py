"""From a card to the first page, without scripts, in both languages."""

import pytest

from tests.web.conftest import PASSPHRASE, People, open_name


@pytest.mark.parametrize(
    ("language", "welcome", "home"), [("en", "Welcome", "Next café"), ("nb", "Velkommen", "Neste kafé")]
)
def test_a_card_leads_to_recovery_codes_and_the_first_page(
    people: People, language: str, welcome: str, home: str
) -> None:
    browser = people.joined("member", people.town, language=language)
    assert browser.answer.status_code == 200
    assert welcome in browser.page.text
    assert browser.page.language == language
    browser.open("/")
    assert home in browser.page.text


def test_the_code_stands_in_no_address_and_looking_does_not_use_it(people: People) -> None:
    browser, code = people.stranger(), people.invitation("member", people.town)
    browser.open("/join")
    browser.press("Look at my invitation", invitation=code)
    assert code not in str(browser.answer.url)
    browser.open("/join")
    browser.press("Look at my invitation", invitation=code)
    assert "What you say yes to" in browser.page.text


@pytest.mark.parametrize("role", ["member", "provider"])
def test_what_one_said_yes_to_and_who_runs_the_place_can_be_read_again(people: People, role: str) -> None:
    stranger = people.stranger("nb")
    stranger.open("/join")
    stranger.press("Se på invitasjonen", invitation=people.invitation(role, people.town))
    browser = people.joined(role, people.town, language="nb")
    browser.open("/me")
    browser.follow("Det jeg har sagt ja til")
    texts = browser.http.get("/api/identity/texts?language=nb&consent=1&agreement=1").json()
    for text in (texts["consent"], texts["agreement"]):
        for section in text["sections"]:
            assert " ".join(section["text"].split()) in stranger.page.text
            assert " ".join(section["text"].split()) in browser.page.text
    assert ("Du er ikke med i forskningen." in browser.page.text) == (role == "member")
    browser.open("/me")
    browser.follow("Om dette stedet")
    assert "post@nord.peercafe.invalid" in browser.page.text
    assert "Jeg har en invitasjon" not in browser.page.text


def test_an_unknown_code_is_answered_kindly(people: People) -> None:
    browser = people.stranger("nb")
    browser.open("/join")
    browser.press("Se på invitasjonen", invitation="AAAA-BBBB-CCCC-DDDD")
    assert browser.answer.status_code == 404
    assert "Denne invitasjonen er ikke åpen" in browser.page.text
    assert browser.form("Se på invitasjonen")[0].values["invitation"] == "AAAA-BBBB-CCCC-DDDD", (
        "a slip can be mended"
    )


def test_research_is_a_choice_of_its_own_and_every_yes_is_needed(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", consent="yes", agreement="yes", research="no")
    assert "Please answer every question" in browser.page.text
    kept = browser.form("Go on")[0].values
    assert (kept["consent"], kept["agreement"], kept["research"]) == ("yes", "yes", "no")
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes")
    assert "Please answer every question" in browser.page.text


def test_a_weak_passphrase_keeps_the_chosen_sign_in_name(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes", research="no")
    form, _ = browser.form("Join", "/join/finish")
    chosen = max(form.choices["sign_in_name"])
    browser.press("Join", "/join/finish", sign_in_name=chosen, passphrase="kort")
    assert "That passphrase is short" in browser.page.text
    assert browser.form("Join", "/join/finish")[0].values["sign_in_name"] == chosen
    browser.press("Join", "/join/finish", passphrase=PASSPHRASE)
    assert chosen in browser.page.text


def test_other_sign_in_names_are_offered(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes", research="no")
    before = browser.form("Show other sign-in names")[0].choices["sign_in_name"]
    browser.press("Show other sign-in names")
    assert browser.form("Show other sign-in names")[0].choices["sign_in_name"] != before


def test_a_consultant_is_asked_for_their_name_until_they_have_one(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("consultant", people.town))
    assert "research" not in browser.form("Go on")[0].choices, "research is about members"
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes")
    browser.press("Join", "/join/finish", passphrase=PASSPHRASE)
    assert "you work under one open name" in browser.page.text
    browser.press("Show other sign-in names")
    name = open_name()
    browser.press("Join", "/join/finish", passphrase="kort", display_name=name)
    assert browser.form("Join", "/join/finish")[0].values["display_name"] == name
    browser.press("Join", "/join/finish", passphrase=PASSPHRASE)
    assert "Welcome" in browser.page.text


def test_a_consultants_name_is_theirs_from_the_moment_they_join(people: People) -> None:
    name = open_name()
    people.joined("consultant", people.town, name=name)
    member = people.joined("member", people.town)
    member.open("/forum/name")
    member.press("Choose this name", name=name)
    assert "Somebody has this name" in member.page.text


def test_the_language_changes_within_joining_and_nothing_typed_is_lost(people: People) -> None:
    browser, code = people.stranger(), people.invitation("consultant", people.town)
    browser.open("/join")
    browser.press("Look at my invitation", invitation="AAAA-BBBB-CCCC-DDDD")
    browser.press("Norsk")
    assert browser.form("Se på invitasjonen")[0].values["invitation"] == "AAAA-BBBB-CCCC-DDDD"
    browser.press("Se på invitasjonen", invitation=code)
    browser.press("English", consent="yes")
    assert browser.form("Go on")[0].values["consent"] == "yes"
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes")
    browser.press("Norsk", "/join/finish", display_name="Kari Nordmann")
    assert browser.page.language == "nb"
    assert browser.form("Bli med", "/join/finish")[0].values["display_name"] == "Kari Nordmann"
    assert browser.open("/help").language == "nb", "the choice stays"


def test_loading_the_page_of_the_codes_again_says_that_one_has_joined(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes", research="no")
    form, _ = browser.form("Join", "/join/finish")
    for _ in range(2):
        browser.post(form.action, form.values | {"passphrase": PASSPHRASE})
    assert "You have joined already" in browser.page.text
    browser.open("/")
    assert "Next café" in browser.page.text, "still signed in"


def test_signing_out_and_in_again_and_a_wrong_passphrase(people: People) -> None:
    browser = people.joined("member", people.town)
    name = _sign_in_name(browser.page.text)
    browser.open("/me")
    browser.press("Sign out")
    assert "You are signed out" in browser.page.text
    browser.open("/forum")
    assert browser.path == "/sign-in"
    browser.press("Sign in", sign_in_name=name, passphrase="feil ord helt feil")
    assert "don’t belong together" in browser.page.text
    assert browser.answer.status_code == 401
    assert "/sign-in?language=nb" in [address for _, address in browser.page.links]
    browser.press("Sign in", sign_in_name=name, passphrase=PASSPHRASE)
    assert browser.path == "/forum", "where they wanted to go"
    browser.open("/me")
    browser.press("Sign out")
    browser.press("Sign in", sign_in_name=name, passphrase=PASSPHRASE)
    assert "Next café" in browser.page.text


def test_a_recovery_code_gives_a_new_passphrase_once(people: People) -> None:
    browser = people.joined("member", people.town)
    name, code = _sign_in_name(browser.page.text), browser.page.text.split("anybody can read.")[1].split()[0]
    other = people.stranger()
    other.open("/recover")
    other.press(
        "Change passphrase", sign_in_name=name, recovery_code=code, new_passphrase="ny lampe gammel skog"
    )
    assert "Your passphrase is changed" in other.page.text
    other.open("/recover")
    other.press(
        "Change passphrase", sign_in_name=name, recovery_code=code, new_passphrase="enda en lampe skog"
    )
    assert "the code was used before" in other.page.text
    other.open("/sign-in")
    other.press("Sign in", sign_in_name=name, passphrase="ny lampe gammel skog")
    assert "Next café" in other.page.text
    browser.open("/forum")
    assert browser.path == "/sign-in", "recovering signs out everywhere"


def _sign_in_name(text: str) -> str:
    return text.split("Your sign-in name is ")[1].split(".", maxsplit=1)[0].removesuffix(" ").strip()
