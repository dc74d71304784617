"""One's own account: research, export, leaving; and what a copy of the database gives away."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.identity.use_cases import restoring
from shared import clock
from tests.identity.conftest import PASSPHRASE, Identity, Person


async def statements(person: Person) -> list[tuple[str, bool]]:
    exported = (await person.call("POST", "/me/export")).json()
    return [(said["kind"], said["given"]) for said in exported["statements"]]


async def test_research_is_withdrawn_as_easily_as_given(identity: Identity) -> None:
    person = await identity.joined(research=False)
    for choice in (True, True, False):
        assert (await person.call("PUT", "/me/research", {"consent": choice})).status_code == 204
        assert (await person.call("GET", "/me")).json()["research"] is choice
    assert await statements(person) == [
        ("participation", True),
        ("research", False),
        ("agreement", True),
        ("research", True),
        ("research", False),
    ], "saying the same again is no new statement"


async def test_after_a_restore_nobody_takes_part_in_research_until_they_say_yes_again(
    identity: Identity,
) -> None:
    once, always = await identity.joined(research=True), await identity.joined(research=True)
    never = await identity.joined(research=False)
    async with identity.sessions.begin() as session:
        for participant in await restoring.participants_to_ask_again(session):
            await restoring.ask_again_about_research(session, participant)
    for person, asked in ((once, True), (always, True), (never, False)):
        me = (await person.call("GET", "/me")).json()
        assert (me["research"], me["research_asked_again"]) == (False, asked)
    before = await statements(once)
    await once.call("PUT", "/me/research", {"consent": False})
    await always.call("PUT", "/me/research", {"consent": True})
    await never.call("PUT", "/me/research", {"consent": False})
    for person, research in ((once, False), (always, True), (never, False)):
        me = (await person.call("GET", "/me")).json()
        assert (me["research"], me["research_asked_again"]) == (research, False)
    assert await statements(once) == [*before, ("research", False)], (
        "a no to being asked again is a statement"
    )
    assert (await statements(always))[-1] == ("research", True)
    assert len(await statements(never)) == 3


async def test_only_a_member_takes_part_in_research(identity: Identity) -> None:
    consultant = await identity.joined("consultant")
    await consultant.call("PUT", "/me/research", {"consent": True})
    assert (await consultant.call("GET", "/me")).json()["research"] is False


async def test_the_export_holds_what_identity_knows_and_no_alias(identity: Identity) -> None:
    community = await identity.community("Fjordby")
    consultant = await identity.joined("consultant", [community], display_name="Solveig Li")
    aliases = {(await consultant.claims(audience))["sub"] for audience in ("identity", "forum", "events")}
    answer = await consultant.call("POST", "/me/export")
    exported = answer.json()
    assert exported["role"] == "consultant"
    assert exported["display_name"] == "Solveig Li"
    assert exported["joined_on"] == str(clock.today())
    assert exported["communities"] == [{"id": str(community), "name": "Fjordby"}]
    assert [session["client_id"] for session in exported["sessions"]] == ["web"]
    assert {entry["event"] for entry in exported["security"]} == {"joined", "signed-in", "exported"}
    assert not any(alias in answer.text for alias in aliases)


async def test_leaving_erases_the_account_at_once(identity: Identity) -> None:
    person = await identity.joined("consultant", display_name="Liv Strand")
    bearer = {"Authorization": f"Bearer {await person.token('identity')}"}
    assert (await person.exchange("forum")).status_code == 200
    wrong = await person.call("POST", "/me/erasure", {"passphrase": "not this one, surely"})
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/wrong-passphrase")
    left = await person.call("POST", "/me/erasure", {"passphrase": PASSPHRASE})
    assert left.status_code == 202

    assert (await identity.client.get("/me", headers=bearer)).status_code == 401
    assert (await person.exchange("forum")).status_code == 400
    assert (await person.sign_in()).status_code == 401
    receipt = {"receipt": left.json()["receipt"].lower()}
    told = (await identity.client.post("/receipts/look", json=receipt)).json()
    assert [entry["service"] for entry in told["services"]] == ["forum"]
    assert told["services"][0]["erasure_id"] is None, "it hasn't been told yet"
    unknown = await identity.client.post("/receipts/look", json={"receipt": "AAAA-AAAA-AAAA-AAAA"})
    assert (unknown.status_code, unknown.json()) == (200, {"services": []})
    assert (await identity.joined("consultant", display_name="Liv Strand")).session, "the name is free again"


async def everything(identity: Identity) -> str:
    """All rows of all tables as text: what somebody with a copy of the database reads."""
    tables = await identity.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    dumped = [await identity.rows(f'SELECT CAST(t AS text) FROM "{name}" t') for (name,) in tables]
    return "\n".join(row for rows in dumped for (row,) in rows)


async def test_a_copy_of_the_database_holds_no_name_code_token_or_alias(identity: Identity) -> None:
    community = await identity.community()
    person = await identity.joined("consultant", [community], display_name="Ragnhild Vik", client_id="app")
    code = (await person.invite("member", [community])).json()["invitations"][0]
    aliases = [(await person.claims(audience))["sub"] for audience in ("identity", "forum", "events")]
    shown = await everything(identity)
    for secret in (
        person.sign_in_name,
        person.passphrase,
        "Ragnhild",
        "argon2",
        code,
        code.replace("-", ""),
        person.session,
        *person.recovery_codes,
        *(recovery.replace("-", "") for recovery in person.recovery_codes),
        *aliases,
    ):
        assert secret not in shown
        assert secret.encode().hex() not in shown
    for alias in aliases:
        assert alias.replace("-", "") not in shown


async def test_clock_times_stand_only_where_identity_enforces_them(identity: Identity) -> None:
    found = await identity.rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type LIKE 'timestamp%'"
    )
    of_accounts = {
        "sessions": {"authenticated_at", "expires_at", "rotated_at"},
        "sign_in_failures": {"open_at", "forget_at"},
        "signing_keys": {"signs_from"},
    }
    accounts = {
        "participants",
        "participant_communities",
        "credentials",
        "recovery_codes",
        "invitations",
        "consents",
        "aliases",
        "participant_aliases",
        "communities",
        "security_log",
        "idempotency",
        "inbox",
    }
    for table, column in found:
        assert table not in accounts
        assert table not in of_accounts or column in of_accounts[table]


async def test_the_security_log_cannot_be_changed(identity: Identity) -> None:
    await identity.joined()
    for statement in ("UPDATE security_log SET event = 'x'", "DELETE FROM security_log"):
        with pytest.raises(DBAPIError):
            async with identity.sessions.begin() as session:
                await session.execute(text(statement))


async def test_calls_about_an_account_are_limited_by_its_alias(identity: Identity) -> None:
    busy, other = await identity.joined(), await identity.joined()
    bearer = {"Authorization": f"Bearer {await busy.token('identity')}"}
    with clock.stopped_at(clock.now()):
        answers = [(await identity.client.get("/me", headers=bearer)) for _ in range(61)]
        assert [answer.status_code for answer in answers] == [200] * 60 + [429]
        assert answers[-1].headers["retry-after"] == "1"
        assert (await other.call("GET", "/me")).status_code == 200


async def test_answers_about_people_are_stored_in_no_cache(identity: Identity) -> None:
    person = await identity.joined()
    answers: list[httpx.Response] = [
        await person.sign_in(),
        await person.exchange("forum"),
        await person.call("GET", "/me"),
        await identity.client.get("/sign-in-names"),
    ]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
