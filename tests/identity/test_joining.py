"""What joining asks, refuses and repeats."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.identity.policy.names import LANGUAGES, WORDS_IN_A_NAME, words
from services.identity.texts import texts
from shared import clock
from tests.identity.conftest import Identity, Person


async def refused(identity: Identity, role: str = "member", **changed: Any) -> tuple[int, str]:
    code = await identity.invitation(role, [await identity.community()])
    answer = await identity.client.post("/members", json=await identity.joining(code, **changed))
    looked = await identity.client.post("/invitations/look", json={"invitation": code})
    assert looked.status_code == 200, "a refusal leaves the invitation open"
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"over_18": False}, (422, "adults-only")),
        ({"consent_version": "0"}, (409, "text-changed")),
        ({"agreement_version": "0"}, (409, "text-changed")),
        ({"sign_in_name": "admin"}, (422, "sign-in-name-not-offered")),
        ({"offer": "AAAA"}, (422, "sign-in-name-not-offered")),
        ({"offer": "not base 64 ø"}, (422, "sign-in-name-not-offered")),
        ({"passphrase": "ninechars"}, (422, "passphrase-too-short")),
        ({"passphrase": "ab cd ef " * 25}, (422, "passphrase-too-long")),
        ({"passphrase": "Password1234"}, (422, "passphrase-too-common")),
        ({"passphrase": "1234567890"}, (422, "passphrase-too-common")),
        ({"passphrase": "aaaaaaaaaaaaaaa"}, (422, "passphrase-too-common")),
        ({"display_name": "Kari"}, (422, "display-name-not-for-this-role")),
        ({"display_name": "Ka\u202eri"}, (422, "text-not-allowed")),
        ({"is_admin": True}, (422, "invalid")),
    ],
)
async def test_joining_refuses_with_a_reason(
    identity: Identity, changed: dict[str, Any], problem: tuple[int, str]
) -> None:
    assert await refused(identity, **changed) == problem


async def test_the_sign_in_name_is_no_passphrase(identity: Identity) -> None:
    offered = (await identity.client.get("/sign-in-names")).json()
    name = offered["names"][0]
    chosen = {"offer": offered["offer"], "sign_in_name": name, "passphrase": name.replace("-", " ").upper()}
    assert await refused(identity, **chosen) == (422, "passphrase-too-common")


async def test_texts_are_read_in_force_or_in_the_version_said_yes_to(identity: Identity) -> None:
    in_force = (await identity.client.get("/texts?language=nb")).json()
    said_yes_to = {name: in_force[name]["version"] for name in ("consent", "agreement")}
    again = await identity.client.get("/texts", params={"language": "nb", **said_yes_to})
    assert again.json() == in_force
    for never in ({"consent": "0"}, {"agreement": "../consent.1"}):
        assert (await identity.client.get("/texts", params=never)).status_code == 422


async def test_an_offer_lasts_a_day(identity: Identity) -> None:
    code = await identity.invitation("member", [await identity.community()])
    body = await identity.joining(code)
    with clock.stopped_at(clock.now() + timedelta(hours=25)):
        answer = await identity.client.post("/members", json=body)
    assert answer.json()["type"] == "/problems/sign-in-name-not-offered"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (None, (422, "display-name-needed")),
        ("K", (422, "display-name-not-allowed")),
        ("Kari 2", (422, "display-name-not-allowed")),
        ("K\u0430ri", (422, "display-name-not-allowed")),  # a Cyrillic a
        ("КАРИ", None),
        ("Ása Øygard-Næss", None),
    ],
)
async def test_a_consultants_open_name_has_letters_of_one_alphabet(
    identity: Identity, name: str | None, problem: tuple[int, str] | None
) -> None:
    if problem is None:
        person = await identity.joined("consultant", display_name=name)
        assert (await person.call("GET", "/me")).json()["display_name"] == name
    else:
        assert await refused(identity, "consultant", display_name=name) == problem


async def test_no_two_consultants_have_names_that_read_alike(identity: Identity) -> None:
    await identity.joined("consultant", display_name="Tove Nord")
    for imitation in ("Tove Nord", "tove nord", "TOVE-NORD", "Tovenord"):
        taken = await refused(identity, "consultant", display_name=imitation)
        assert taken == (409, "display-name-taken")
    wide = await refused(identity, "consultant", display_name="Ｔｏｖｅ Ｎｏｒｄ")
    assert wide == (422, "display-name-not-allowed")


async def test_joining_again_by_the_same_request_gives_fresh_recovery_codes(identity: Identity) -> None:
    community = await identity.community()
    body = await identity.joining(await identity.invitation("member", [community]))
    first = (await identity.client.post("/members", json=body)).json()["recovery_codes"]
    again = await identity.client.post("/members", json=body)
    assert again.status_code == 201
    assert not set(first) & set(again.json()["recovery_codes"])
    joined = "SELECT participant_id FROM participant_communities WHERE community_id = :community"
    assert len(await identity.rows(joined, community=community)) == 1

    async def recover(code: str) -> httpx.Response:
        known = {"sign_in_name": body["sign_in_name"], "recovery_code": code}
        new = {"new_passphrase": "a quite different passphrase"}
        return await identity.client.post("/recoveries", json=known | new)

    assert (await recover(first[0])).status_code == 401
    assert (await recover(again.json()["recovery_codes"][0])).status_code == 201
    recovered = await identity.client.post("/members", json=body)
    assert (recovered.status_code, recovered.json()["type"]) == (404, "/problems/invitation-not-open")


async def test_the_first_passphrase_draws_no_recovery_codes_once_it_was_replaced(identity: Identity) -> None:
    """Whoever has seen the request of joining has seen the passphrase, too: another one ends what they can do."""
    body = await identity.joining(await identity.invitation("member", [await identity.community()]))
    assert (await identity.client.post("/members", json=body)).status_code == 201
    person = Person(identity, body["sign_in_name"], [])
    await person.sign_in()
    lost = await identity.client.post("/members", json=body)
    assert lost.status_code == 201, "the website signs in before its page has arrived"
    change = {"passphrase": person.passphrase, "new_passphrase": "lanterns along the shore"}
    assert (await person.call("PUT", "/me/passphrase", change)).status_code == 204
    again = await identity.client.post("/members", json=body)
    assert (again.status_code, again.json()["type"]) == (404, "/problems/invitation-not-open")
    code = {"sign_in_name": person.sign_in_name, "recovery_code": lost.json()["recovery_codes"][0]}
    kept = await identity.client.post(
        "/recoveries", json=code | {"new_passphrase": "a passphrase of one's own"}
    )
    assert kept.status_code == 201, "those written down are good as before"


async def test_who_has_left_cannot_be_joined_again(identity: Identity) -> None:
    body = await identity.joining(await identity.invitation("member", [await identity.community()]))
    assert (await identity.client.post("/members", json=body)).status_code == 201
    person = Person(identity, body["sign_in_name"], [])
    await person.sign_in()
    left = await person.call("POST", "/me/erasure", {"passphrase": person.passphrase})
    assert left.status_code == 202
    again = await identity.client.post("/members", json=body)
    assert (again.status_code, again.json()["type"]) == (404, "/problems/invitation-not-open")


async def test_another_request_learns_nothing_about_a_used_invitation(identity: Identity) -> None:
    code = await identity.invitation("member", [await identity.community()])
    await identity.client.post("/members", json=await identity.joining(code))
    answer = await identity.client.post("/members", json=await identity.joining(code, research=False))
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/invitation-not-open")


async def test_research_is_a_choice_of_its_own_and_only_members_have_it(identity: Identity) -> None:
    for role, choice, kept in (("member", False, False), ("member", True, True), ("consultant", True, False)):
        person = await identity.joined(role, research=choice)
        assert (await person.call("GET", "/me")).json()["research"] is kept


async def test_consent_is_kept_with_version_language_and_date_only(empty_identity: Identity) -> None:
    identity = empty_identity
    offered = (await identity.client.get("/sign-in-names", params={"language": "nb"})).json()
    await identity.joined(offer=offered["offer"], sign_in_name=offered["names"][2], research=False)
    kept = await identity.rows(
        "SELECT kind, version, language, given, stated_on FROM consents ORDER BY position"
    )
    today = clock.today()
    assert [tuple(row) for row in kept] == [
        ("participation", "1", "nb", True, today),
        ("research", "1", "nb", False, today),
        ("agreement", "1", "nb", True, today),
    ]


def test_consent_and_agreement_say_the_same_in_both_languages() -> None:
    english, norwegian = texts("en"), texts("nb")
    assert english.consent.version == norwegian.consent.version
    assert english.agreement.version == norwegian.agreement.version
    for one, other in ((english.consent, norwegian.consent), (english.agreement, norwegian.agreement)):
        assert len(one.sections) == len(other.sections)
        pairs = zip(one.sections, other.sections, strict=True)
        assert all(a.heading != b.heading and a.text != b.text for a, b in pairs)
        assert one.yes != other.yes


@pytest.mark.parametrize("language", LANGUAGES)
def test_sign_in_names_are_hard_to_guess_and_easy_to_type(language: str) -> None:
    listed = words(language)
    assert len(listed) == len(set(listed))
    assert len(listed) ** WORDS_IN_A_NAME > 2**36
    assert all(word.isascii() and word.isalpha() and 2 < len(word) < 12 for word in listed)


async def test_sign_in_names_are_offered_in_the_members_language(identity: Identity) -> None:
    for language in LANGUAGES:
        offered = (await identity.client.get("/sign-in-names", params={"language": language})).json()
        assert len(offered["names"]) == 5
        assert all(part in words(language) for name in offered["names"] for part in name.split("-"))
