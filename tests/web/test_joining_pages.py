"""From a card to the first page, without scripts, in both languages."""

import pytest

from tests.web.conftest import PASSPHRASE, People


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


def test_an_unknown_code_is_answered_kindly(people: People) -> None:
    browser = people.stranger("nb")
    browser.open("/join")
    browser.press("Se på invitasjonen", invitation="AAAA-BBBB-CCCC-DDDD")
    assert browser.answer.status_code == 404
    assert "Denne invitasjonen er ikke åpen" in browser.page.text


def test_research_is_a_choice_of_its_own_and_every_yes_is_needed(people: People) -> None:
    browser = people.stranger()
    browser.open("/join")
    browser.press("Look at my invitation", invitation=people.invitation("member", people.town))
    browser.press("Go on", over_18="yes", consent="yes", agreement="yes")
    assert "Please answer every question" in browser.page.text
    browser.press("Go on", consent="yes", agreement="yes", research="no")
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
    before = browser.form("Show others")[0].choices["sign_in_name"]
    browser.press("Show others")
    assert browser.form("Show others")[0].choices["sign_in_name"] != before


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
