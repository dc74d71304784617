"""From an invitation to one's own page."""

from tests.identity.conftest import Identity


async def test_somebody_joins_signs_in_and_sees_their_own_page(identity: Identity) -> None:
    community = await identity.community("Fjordby")
    code = await identity.invitation("member", [community])

    looked = await identity.client.post("/invitations/look", json={"invitation": code.lower()})
    assert looked.json() == {"role": "member", "communities": [{"id": str(community), "name": "Fjordby"}]}

    person = await identity.joined("member", [community])
    assert len(person.recovery_codes) == 8
    me = await person.call("GET", "/me")
    assert me.status_code == 200
    assert me.headers["cache-control"] == "no-store"
    assert me.json() == {
        "role": "member",
        "communities": [{"id": str(community), "name": "Fjordby"}],
        "display_name": None,
        "research": True,
        "research_asked_again": False,
        "consent_version": "1",
        "agreement_version": "1",
    }
