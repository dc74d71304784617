"""Me: research, passphrase, taking one's data along, erasing; inviting; what other roles see."""

import re

import pytest

from tests.web.conftest import PASSPHRASE, People


def test_research_is_withdrawn_as_easily_as_given(people: People) -> None:
    browser = people.joined("member", people.town, research="yes")
    browser.open("/me/research")
    assert "You are part of the research." in browser.page.text
    browser.press("Withdraw")
    assert "Withdrawn" in browser.page.text
    browser.open("/me/research")
    browser.press("Yes, count me in")
    assert "You are part of the research now" in browser.page.text


def test_a_changed_passphrase_signs_out_everywhere(people: People) -> None:
    browser = people.joined("member", people.town)
    name = browser.page.text.split("Your sign-in name is ")[1].split(".")[0].strip()
    shared_device = people.stranger()
    shared_device.open("/forum")
    shared_device.press("Sign in", sign_in_name=name, passphrase=PASSPHRASE)
    assert shared_device.path == "/forum"
    browser.open("/me/passphrase")
    browser.press("Change passphrase", passphrase="ikke den rette", new_passphrase="ny lykt gammel bølge")
    assert "That isn’t your passphrase" in browser.page.text
    browser.press("Change passphrase", passphrase=PASSPHRASE, new_passphrase="ny lykt gammel bølge")
    assert "Sign in with the new one" in browser.page.text
    assert "at the latest within five minutes" in browser.page.text, "tokens elsewhere live that long"
    browser.press("Sign in", sign_in_name=name, passphrase="ny lykt gammel bølge")
    assert "Next café" in browser.page.text

    shared_device.open("/cafes")  # the forum still takes the token that it was shown, for minutes
    assert shared_device.path == "/sign-in"
    shared_device.press("Sign in", sign_in_name=name, passphrase="ny lykt gammel bølge")
    assert shared_device.path == "/", "whoever signs in next there isn't led to what was read before"


def test_data_comes_in_parts_and_erasing_gives_a_receipt_once(people: People) -> None:
    browser = people.member(people.town, language="nb")
    browser.open("/me/data")
    for button in ("Kontoen min", "Det jeg har skrevet", "Kafésvarene mine"):
        browser.open("/me/data")
        browser.press(button)
        assert browser.answer.headers["content-type"] == "application/json"
        assert "attachment" in browser.answer.headers["content-disposition"]
        assert browser.answer.headers["cache-control"] == "no-store"
    browser.open("/me/erase")
    browser.press("Slett alt", sure="yes", passphrase="feil feil feil feil")
    assert "Det er ikke passfrasen din" in browser.page.text
    assert "alle andre enheter senest innen fem minutter" in browser.open("/me/erase").text
    browser.press("Slett alt", passphrase=PASSPHRASE)
    assert "Kryss av" in browser.page.text
    browser.press("Slett alt", sure="yes", passphrase=PASSPHRASE)
    assert "Kvitteringskoden din" in browser.page.text
    assert "storage" in browser.answer.headers["clear-site-data"]
    code = browser.page.text.split("vises bare nå: ")[1].split()[0]
    browser.open("/me")
    assert browser.path == "/sign-in"
    browser.open("/receipt")
    browser.press("Se etter", receipt=code)
    assert "Forumet: " in browser.page.text
    assert code not in browser.answer.text
    browser.press("Se etter", receipt="AAAA-BBBB-CCCC-DDDD")
    assert "Det finnes ingen sletting med denne koden" in browser.page.text


# What stands in the exports, and where the consent text tells of it. What only peer consultants have isn't told there.
TOLD = {
    "profile": "your forum name", "posts": "what you write", "threads": "what you write", "reactions": "your reactions",
    "pauses": "a pause from writing", "watching": "which threads you watch", "opened": "when you last opened it",
    "answers": "what you answered", "check_ins": "which ones you checked in at", "names_left": "a name if you leave one",
    "communities": "which community you belong to", "joined_on": "the day you joined", "statements": "what you said yes to",
    "research": "what you said yes to", "sessions": "where you are signed in and since when", "security": "a security log",
}  # fmt: skip
NOT_ABOUT_MEMBERS = {"role", "display_name", "planned"}


def test_the_consent_text_tells_of_all_that_is_kept(people: People) -> None:
    browser = people.member(people.town)
    kept: set[str] = set()
    for button in ("My account", "What I wrote", "My café answers"):
        browser.open("/me/data")
        browser.press(button)
        kept |= browser.answer.json().keys()
    assert kept - NOT_ABOUT_MEMBERS == TOLD.keys()
    sections = browser.http.get("/api/identity/texts?language=en").json()["consent"]["sections"]
    (text,) = (section["text"] for section in sections if section["heading"] == "What we keep")
    assert [words for words in TOLD.values() if words not in text] == []


@pytest.mark.parametrize("role", ["consultant", "provider"])
def test_cards_have_a_code_a_picture_of_it_and_work(people: People, role: str) -> None:
    community = people.town
    inviter = people.consultant(community) if role == "consultant" else people.joined("provider", community)
    inviter.open("/")
    inviter.open("/invite")
    inviter.press("Make the cards", count="2")
    assert inviter.answer.text.count('class="qr"') == 2
    _assert_whole_with_quiet_zone(inviter.answer.text.split("<svg viewBox=")[-1].split("</svg>")[0])
    assert "#" not in str(inviter.answer.url)
    assert f"They invite to {community}, Peercafe North." in inviter.page.text
    cards = inviter.answer.text.split('<div class="cards">')[1].split("</main>")[0]
    assert community not in cards, "a card that is found tells nobody where somebody belongs"
    code = inviter.answer.text.split('<p class="code"><code>')[1].split("<")[0]
    inviter.open("/invite")
    assert "2 of your invitations are open." in inviter.page.text
    stranger = people.stranger()
    stranger.open("/join")
    stranger.press("Look at my invitation", invitation=code)
    assert community in stranger.page.text


def _assert_whole_with_quiet_zone(svg: str) -> None:
    """A code can be scanned when all of it lies in the view box, with four modules of white around."""
    width, height = (int(number) for number in re.match(r'"0 0 (\d+) (\d+)"', svg).groups())  # type: ignore[union-attr]
    assert width == height
    rows = re.findall(r"[Mm]?(-?[\d.]+) (-?[\d.]+)((?:h-?\d+|m-?\d+ 0)+)", svg.split('stroke="#000"')[1])
    x = y = 0.0
    for across, down, moves in rows:
        x, y = x + float(across), y + float(down)
        assert 4 < y < height - 4
        for kind, length in re.findall(r"([hm])(-?\d+)", moves):
            assert kind == "m" or (x >= 4 and x + int(length) <= width - 4)
            x += int(length)
    assert len(rows) == width - 8, "a row of every module's height"


def test_of_several_communities_none_is_chosen_beforehand(people: People) -> None:
    one, other = people.town, people.community()
    for communities, chosen in (([one], True), ([one, other], False)):
        kari = people.consultant(*communities)
        for path, button, name in (
            ("/invite", "Make the cards", "community"),
            ("/cafes/plan", "Plan it", "community_id"),
        ):
            kari.open(path)
            form, _ = kari.form(button, path)
            assert len(form.choices[name]) == len(communities)
            assert (name in form.values) == chosen


def test_more_cards_than_can_be_made_at_once_are_refused_in_words(people: People) -> None:
    inviter = people.joined("provider", people.town)
    inviter.open("/invite")
    inviter.press("Make the cards", count="51")
    assert "“How many cards” can be 50 at most." in inviter.page.text
    assert inviter.form("Make the cards")[0].values["count"] == "51"


def test_the_same_form_again_voids_the_cards_before(people: People) -> None:
    inviter = people.joined("provider", people.town)
    inviter.open("/invite")
    form, _ = inviter.form("Make the cards")
    inviter.post(form.action, form.values | {"count": "1"})
    old = inviter.answer.text.split('<p class="code"><code>')[1].split("<")[0]
    inviter.post(form.action, form.values | {"count": "1"})
    assert old not in inviter.answer.text
    stranger = people.stranger()
    stranger.open("/join")
    stranger.press("Look at my invitation", invitation=old)
    assert "This invitation isn’t open" in stranger.page.text


def test_a_provider_gets_the_invite_page_and_me_and_nothing_of_forum_or_cafes(people: People) -> None:
    provider = people.joined("provider", people.town)
    provider.open("/")
    assert provider.path == "/invite"
    assert "Forum" not in [words for words, _ in provider.page.links]
    for path in ("/forum", "/cafes", "/for-you", "/forum/search", "/forum/name", "/cafes/plan"):
        provider.open(path)
        assert provider.answer.status_code == 403, path
    provider.open("/me")
    assert "health worker" in provider.page.text


@pytest.mark.parametrize("role", ["analyst", "operator"])
def test_analysts_and_operators_are_told_of_the_api_and_the_command_line(people: People, role: str) -> None:
    browser = people.joined(role)
    browser.open("/")
    assert "use the API and the command line" in browser.page.text
    browser.open("/invite")
    assert browser.answer.status_code == 403


def test_a_member_has_none_of_the_consultants_pages(people: People) -> None:
    member = people.joined("member", people.town)
    for path in ("/forum/unanswered", "/cafes/plan", "/invite"):
        member.open(path)
        assert member.answer.status_code == 403, path
        assert "Nothing is wrong" in member.page.text
        assert "your role" not in member.page.text


def test_the_page_of_all_apis_shows_every_service(people: People) -> None:
    browser = people.stranger()
    browser.open("/api/docs")
    for path in (
        "/api/identity/members",
        "/api/forum/threads",
        "/api/events/gatherings",
        "/api/notifications/",
        "/api/analytics/studies",
    ):
        assert path in browser.page.text
    assert "can’t be reached" not in browser.page.text
    assert browser.page.text.count("OpenAPI 3.1") == 5
