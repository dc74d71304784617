"""Who may invite whom, and what an invitation gives away."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.forum.rules.identities import entity_id, profile_id
from services.identity.use_cases.invitations import invite_first
from shared import clock
from tests.identity.conftest import Identity, Person

MEMBERS_OF = "SELECT participant_id FROM participant_communities WHERE community_id = :community"


def a_profile() -> UUID:
    """As the forum of some region gives them."""
    return profile_id("south", uuid4().bytes)


async def look(identity: Identity, code: str) -> tuple[int, str]:
    answer = await identity.client.post("/invitations/look", json={"invitation": code})
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("maker", "invited", "expected"),
    [
        ("consultant", "member", 201),
        ("consultant", "consultant", 403),
        ("consultant", "operator", 403),
        ("provider", "member", 201),
        ("provider", "provider", 403),
        ("operator", "member", 201),
        ("operator", "consultant", 201),
        ("operator", "provider", 201),
        ("member", "member", 403),
        ("analyst", "member", 403),
    ],
)
async def test_each_role_invites_only_whom_it_may(
    identity: Identity, maker: str, invited: str, expected: int
) -> None:
    community = await identity.community()
    person = await identity.joined(maker, [] if maker in ("analyst", "operator") else [community])
    ids = [] if invited in ("analyst", "operator") else [community]
    assert (await person.invite(invited, ids)).status_code == expected


@pytest.mark.parametrize("maker", ["consultant", "provider"])
async def test_nobody_but_an_operator_invites_to_a_community_of_others(
    identity: Identity, maker: str
) -> None:
    own, other = await identity.community("Own"), await identity.community("Other")
    person = await identity.joined(maker, [own])
    refused = await person.invite("member", [other])
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/may-not-invite")
    assert (await (await identity.joined("operator")).invite("member", [other])).status_code == 201


async def test_a_consultant_may_serve_several_communities_and_a_member_belongs_to_one(
    identity: Identity,
) -> None:
    operator = await identity.joined("operator")
    both = [await identity.community("Fjordby"), await identity.community("Byen")]
    assert (await operator.invite("consultant", both)).status_code == 201
    for role, ids in (("member", both), ("member", []), ("analyst", both[:1])):
        refused = await operator.invite(role, ids)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/communities-dont-fit")


async def test_a_community_that_is_unknown_or_closed_cannot_be_invited_to(identity: Identity) -> None:
    operator = await identity.joined("operator")
    for community in (uuid4(), await identity.community("Closed", is_open=False)):
        refused = await operator.invite("member", [community])
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/community-unknown")
        assert refused.headers["retry-after"] == "1"


async def test_a_batch_is_for_as_many_people_and_its_maker_sees_only_how_many_are_open(
    identity: Identity,
) -> None:
    community = await identity.community()
    operator = await identity.joined("operator")
    made = (await operator.invite("member", [community], count=3, days=7)).json()
    assert len(set(made["invitations"])) == 3
    assert made["expires_on"] == str(clock.today() + timedelta(days=7))
    assert (await operator.call("GET", "/invitations")).json() == {"open": 3}
    await identity.client.post("/members", json=await identity.joining(made["invitations"][0]))
    assert (await operator.call("GET", "/invitations")).json() == {"open": 2}
    other = await identity.joined("operator")
    assert (await other.call("GET", "/invitations")).json() == {"open": 0}


async def test_used_expired_and_unknown_invitations_answer_alike(identity: Identity) -> None:
    community = await identity.community()
    used = await identity.invitation("member", [community])
    expiring = await identity.invitation("member", [community], days=1)
    await identity.client.post("/members", json=await identity.joining(used))
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        assert (await look(identity, expiring))[0] == 200  # the whole last day
    with clock.stopped_at(clock.now() + timedelta(days=2)):
        answers = {await look(identity, code) for code in (used, expiring, "7K3M-QX9T-AAAA-BBBB", "")}
        assert len(answers) == 1
        assert next(iter(answers))[0] == 404
        joining = await identity.client.post("/members", json=await identity.joining(expiring))
        assert (joining.status_code, joining.text) == next(iter(answers))


async def test_a_code_is_read_however_it_was_copied_from_the_card(identity: Identity) -> None:
    code = await identity.invitation("member", [await identity.community()])
    for typed in (code.lower(), code.replace("-", " "), code.replace("-", ""), f"  {code}\n"):
        assert (await look(identity, typed))[0] == 200
    assert (await look(identity, code.replace("0", "o").replace("1", "l")))[0] == 200


async def test_of_two_who_come_with_one_invitation_one_joins(identity: Identity) -> None:
    community = await identity.community()
    code = await identity.invitation("member", [community])
    bodies = [await identity.joining(code) for _ in range(2)]
    answers = await asyncio.gather(*(identity.client.post("/members", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 404]
    assert len(await identity.rows(MEMBERS_OF, community=community)) == 1


async def test_a_repeated_request_voids_the_codes_nobody_saw(identity: Identity) -> None:
    community = await identity.community()
    operator = await identity.joined("operator")
    first = (await operator.invite("member", [community], key="lost-answer", count=2)).json()["invitations"]
    await identity.client.post("/members", json=await identity.joining(first[0]))
    again = (await operator.invite("member", [community], key="lost-answer", count=2)).json()["invitations"]
    assert len(again) == 1, "one of the two was used meanwhile"
    assert (await look(identity, first[1]))[0] == 404
    assert (await look(identity, again[0]))[0] == 200
    other = await operator.invite("member", [community], key="lost-answer", count=5)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_inviting_needs_an_idempotency_key(identity: Identity) -> None:
    operator = await identity.joined("operator")
    body = {"role": "operator", "communities": []}
    answer = await operator.call("POST", "/invitations", body)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-needed")


async def test_the_first_consultants_code_is_made_anew_until_one_has_joined(empty_identity: Identity) -> None:
    identity = empty_identity
    community = await identity.community()

    async def at_start() -> str | None:
        async with identity.sessions.begin() as session:
            return await invite_first(session, "consultant", [community])

    first, second = await at_start(), await at_start()
    assert first
    assert second
    assert (await look(identity, first))[0] == 404
    body = await identity.joining(second, display_name="Kari")
    assert (await identity.client.post("/members", json=body)).status_code == 201
    assert await at_start() is None


async def test_a_card_outlives_the_consultant_who_handed_it_out(identity: Identity) -> None:
    community = await identity.community()
    consultant: Person = await identity.joined("consultant", [community])
    code = (await consultant.invite("member", [community])).json()["invitations"][0]
    await consultant.call("POST", "/me/erasure", {"passphrase": consultant.passphrase})
    assert (await look(identity, code))[0] == 200


async def test_a_second_account_in_another_region_is_said_to_the_forum_alone(identity: Identity) -> None:
    operator, first, ids = await identity.joined("operator"), a_profile(), [await identity.community()]
    code = (await operator.invite("consultant", ids, same_as=str(first))).json()["invitations"][0]
    body = await identity.joining(code, display_name="Kari Sørmann")
    codes = (await identity.client.post("/members", json=body)).json()["recovery_codes"]
    kari = Person(identity, body["sign_in_name"], codes)
    await kari.sign_in()
    said = {audience: await kari.claims(audience) for audience in ("forum", "events", "identity")}
    assert said["forum"]["same_as"] == str(first)
    assert [audience for audience in said if "same_as" in said[audience]] == ["forum"]
    for role, count in (("member", 1), ("consultant", 2)):
        refused = await operator.invite(role, ids, same_as=str(first), count=count)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/same-as-doesnt-fit")
    assert not await identity.rows("SELECT 1 FROM invitations WHERE same_as IS NOT NULL"), "used, so gone"


async def test_what_is_no_forum_profiles_id_names_no_account_elsewhere(identity: Identity) -> None:
    operator, ids = await identity.joined("operator"), [await identity.community()]
    a_thread = entity_id("south", 1_700_000_000_000, b"1" * 16)
    for said in (
        uuid4(),
        a_thread,
        UUID(int=0),
        UUID(int=a_profile().int ^ 1 << 63),
        "nonsense",
        8,
        f"{a_profile()}0",
    ):
        refused = await operator.invite(
            "consultant", ids, same_as=said if isinstance(said, int) else str(said)
        )
        assert refused.status_code == 422, said
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "/problems/invalid"
    assert (await operator.call("GET", "/invitations")).json() == {"open": 0}
