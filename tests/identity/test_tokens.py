"""What access tokens say, and don't."""

from datetime import timedelta
from uuid import UUID

import pytest
from joserfc.jwk import OKPKey

from services.identity.settings import Settings
from shared import clock
from shared.auth import TokenRefused, TokenVerifier
from tests.identity.conftest import Identity, running, said_in

MAY_ENTER = {
    "member": {"identity", "forum", "events", "notifications"},
    "consultant": {"identity", "forum", "events", "notifications"},
    "provider": {"identity"},
    "analyst": {"identity", "analytics"},
    "operator": {"identity", "events", "analytics"},
}


async def test_two_tokens_of_one_person_share_nothing_but_role_client_and_the_minute(
    identity: Identity,
) -> None:
    person = await identity.joined()
    with clock.stopped_at(clock.now().replace(second=17)) as time_now:
        forum = await person.claims("forum")
        time_now.move(timedelta(seconds=30))
        events = await person.claims("events")
    assert set(forum) == {"iss", "aud", "sub", "role", "client_id", "jti", "iat", "exp"}
    assert set(events) == set(forum) | {"communities"}
    shared = {claim for claim in forum if forum[claim] == events[claim]}
    assert shared == {"iss", "role", "client_id", "iat", "exp"}
    for claims in (forum, events):
        assert claims["iat"] % 60 == claims["exp"] % 60 == 0
        assert claims["exp"] - claims["iat"] == 300
        assert UUID(claims["sub"]).version == 4


@pytest.mark.parametrize("role", MAY_ENTER)
async def test_each_role_gets_tokens_for_its_own_services_only(identity: Identity, role: str) -> None:
    person = await identity.joined(role)
    for audience in ("identity", "forum", "events", "notifications", "analytics", "web", ""):
        answer = await person.exchange(audience)
        if audience in MAY_ENTER[role]:
            assert answer.status_code == 200
        else:
            refused = answer.json()
            assert (answer.status_code, refused["error"]) == (400, "invalid_target")
            assert refused["type"] == "/problems/audience-not-for-this-role"


async def test_the_open_name_stands_where_the_consultant_works_and_communities_at_events_only(
    identity: Identity,
) -> None:
    both = [await identity.community("Fjordby"), await identity.community("Byen")]
    consultant = await identity.joined("consultant", both, display_name="Ingrid Ås")
    claims = {audience: await consultant.claims(audience) for audience in MAY_ENTER["consultant"]}
    assert {a for a, said in claims.items() if said.get("name") == "Ingrid Ås"} == {"forum", "events"}
    assert {a for a, said in claims.items() if "communities" in said} == {"events"}
    assert claims["events"]["communities"] == sorted(map(str, both))


async def test_every_exchange_finds_the_alias_made_at_the_first(identity: Identity) -> None:
    person = await identity.joined()
    first = await person.claims("forum")
    again = await person.claims("forum")
    assert first["sub"] == again["sub"]
    assert first["jti"] != again["jti"]


async def test_joining_and_signing_in_make_no_alias(empty_identity: Identity) -> None:
    await empty_identity.joined()
    assert not await empty_identity.rows("SELECT 1 FROM aliases")
    assert not await empty_identity.rows("SELECT 1 FROM participant_aliases")


async def test_other_services_accept_the_token_at_its_audience_and_nowhere_else(identity: Identity) -> None:
    person = await identity.joined()

    async def fetch() -> dict[str, object]:
        return (await identity.client.get("/jwks.json")).json()  # type: ignore[no-any-return]

    def verifier(audience: str) -> TokenVerifier:
        return TokenVerifier(fetch, issuer=identity.settings.issuer, audience=audience)

    token = await person.token("forum")
    assert (await verifier("forum").verify(token)).role == "member"
    with pytest.raises(TokenRefused):
        await verifier("events").verify(token)
    with clock.stopped_at(clock.now() + timedelta(minutes=6)), pytest.raises(TokenRefused):
        await verifier("forum").verify(token)


async def test_a_new_key_is_published_before_it_signs_and_the_old_until_its_tokens_end(
    settings: Settings, web_key: OKPKey
) -> None:
    async def at_start() -> tuple[list[str], str]:
        async with running(settings, web_key) as identity:
            keys = (await identity.client.get("/jwks.json")).json()["keys"]
            assert all(set(key) == {"crv", "x", "kid", "alg", "use", "kty"} for key in keys), "public halves"
            person = await identity.joined()
            token = await person.token("forum")
        return [key["kid"] for key in keys], said_in(token, part=0)["kid"]

    start = clock.now()
    (first,), signed = await at_start()
    assert signed == first
    with clock.stopped_at(start + timedelta(days=30)) as time_now:
        published, signed = await at_start()
        assert published[0] == first
        second = published[1]
        assert signed == first, "verifiers have an hour to learn of the new one"
        time_now.move(timedelta(hours=1))
        assert await at_start() == ([first, second], second)
        time_now.move(timedelta(minutes=16))
        assert await at_start() == ([second], second)


async def test_a_members_community_stands_in_a_token_for_the_forum_that_was_asked_for_with_it(
    identity: Identity,
) -> None:
    fjordby = await identity.community("Fjordby")
    member = await identity.joined(ids=[fjordby])
    answer = (await member.exchange("forum", scope="community")).json()
    assert said_in(answer["access_token"])["community"] == "Fjordby"
    assert answer["scope"] == "community"
    assert "communities" not in said_in(answer["access_token"])
    assert "community" not in await member.claims("forum")
    for audience in ("events", "identity", "notifications"):
        said = (await member.exchange(audience, scope="community")).json()
        assert "community" not in said_in(said["access_token"])
        assert said["scope"] is None
    kari = await identity.joined("consultant", [fjordby])
    assert "community" not in said_in(
        (await kari.exchange("forum", scope="community")).json()["access_token"]
    )
