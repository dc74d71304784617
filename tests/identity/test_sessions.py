"""Signing in, staying in, and getting out."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import text

from services.identity.models.credentials import sign_in_name_hash
from services.identity.passphrases import Passphrases
from services.identity.settings import Settings
from services.identity.use_cases import proofs
from services.identity.use_cases.credentials import replace_passphrase
from shared import clock
from tests.identity.conftest import Identity, Person, running

NEW = "lanterns along the shore"
SESSIONS_OF = (
    "SELECT 1 FROM sessions JOIN credentials USING (participant_id) WHERE credentials.identifier_hash = :name"
)

OWNER = text("SELECT participant_id FROM credentials WHERE identifier_hash = :name")
NO_LIMIT = text("SET LOCAL transaction_timeout = 0")
HELD_UP = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def test_wrong_name_wrong_passphrase_and_suspended_get_one_answer(identity: Identity) -> None:
    person = await identity.joined()
    wrong = await person.sign_in("not this one, surely")
    person.sign_in_name, kept = "nobody-has-this-name", person.sign_in_name
    nobody = await person.sign_in()
    person.sign_in_name = kept
    async with identity.sessions.begin() as session:
        await session.execute(text("UPDATE participants SET status = 'suspended'"))
    suspended = await person.sign_in()
    assert problem(wrong) == (401, "sign-in-failed")
    assert (wrong.text, wrong.headers.raw) == (nobody.text, nobody.headers.raw)
    assert (wrong.text, wrong.headers.raw) == (suspended.text, suspended.headers.raw)


async def test_a_sign_in_name_is_taken_however_it_is_typed(identity: Identity) -> None:
    person = await identity.joined()
    person.sign_in_name = f"  {person.sign_in_name.replace('-', ' ').upper()} "
    assert (await person.sign_in()).status_code == 201


@pytest.mark.parametrize(
    "changed",
    [{"iss": "cli"}, {"sub": "cli"}, {"aud": "https://elsewhere"}, {"exp": 1}, {"iat": 1}, {"iat": 2**40}],
)
async def test_the_web_client_proves_itself_or_is_refused(
    identity: Identity, changed: dict[str, Any]
) -> None:
    person = await identity.joined()
    forged = identity.assertion(OKPKey.generate_key("Ed25519", {"kid": "web-1"}))
    for assertion in (identity.assertion(**changed), forged, "", "a.b.c"):
        answer = await person.exchange("forum", client_assertion=assertion)
        assert problem(answer) == (401, "client-refused")
        assert answer.json()["error"] == "invalid_client"
    body = {"sign_in_name": person.sign_in_name, "passphrase": person.passphrase, "client_id": "web"}
    assert problem(await identity.client.post("/sessions", json=body)) == (401, "client-refused")


async def test_what_proves_the_web_client_proves_it_once(identity: Identity) -> None:
    person = await identity.joined()
    proof = identity.assertion()
    answers = await asyncio.gather(*(person.exchange("forum", client_assertion=proof) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + 9 * [401]
    assert {problem(answer) for answer in answers if answer.is_error} == {(401, "client-refused")}
    body = {"sign_in_name": person.sign_in_name, "passphrase": person.passphrase, "client_id": "web"}
    again = await identity.client.post("/sessions", json=body | {"client_assertion": proof})
    assert problem(again) == (401, "client-refused")
    for jti in (None, "", "j" * 101, 7):
        answer = await person.exchange("forum", client_assertion=identity.assertion(jti=jti))
        assert problem(answer) == (401, "client-refused")


async def test_a_region_without_a_web_client_refuses_whoever_says_to_be_it(
    settings: Settings, web_key: OKPKey
) -> None:
    without = settings.model_copy(update={"web_client_keys": '{"keys": []}'})
    async with running(without, web_key) as identity:
        answer = await identity.exchange("garbage", "forum", "web")
    assert problem(answer) == (401, "client-refused")


async def test_an_unknown_client_is_refused(identity: Identity) -> None:
    person = await identity.joined()
    assert problem(await person.sign_in(client_id="anything")) == (401, "client-refused")


async def test_a_session_works_for_its_own_client_only(identity: Identity) -> None:
    person = await identity.joined(client_id="cli")
    for other in ("web", "app"):
        answer = await identity.exchange(person.session, "forum", other)
        assert problem(answer) == (400, "session-ended")
        assert answer.json()["error"] == "invalid_grant"
    assert (await person.exchange("forum")).status_code == 200


async def test_the_web_clients_session_does_not_rotate(identity: Identity) -> None:
    person = await identity.joined()
    for _ in range(2):
        assert (await person.exchange("forum")).json()["refresh_token"] is None


async def test_a_public_clients_session_rotates_and_its_predecessor_gets_the_same_successor(
    identity: Identity,
) -> None:
    person = await identity.joined(client_id="app")
    first = person.session
    second = (await identity.exchange(first, "forum", "app")).json()["refresh_token"]
    assert second != first
    with clock.stopped_at(clock.now() + timedelta(seconds=55)):
        repeated = await identity.exchange(first, "forum", "app")
        assert repeated.json()["refresh_token"] == second
    third = (await identity.exchange(second, "events", "app")).json()["refresh_token"]
    assert third not in (first, second)


async def test_requests_at_once_with_one_session_get_one_successor(identity: Identity) -> None:
    person = await identity.joined(client_id="app")
    audiences = ("forum", "events", "identity", "notifications")
    answers = await asyncio.gather(*(identity.exchange(person.session, one, "app") for one in audiences))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_predecessor_that_comes_late_ends_the_whole_family(identity: Identity) -> None:
    person = await identity.joined(client_id="app")
    first = person.session
    await person.exchange("forum")
    with clock.stopped_at(clock.now() + timedelta(seconds=61)):
        assert problem(await identity.exchange(first, "forum", "app")) == (400, "session-ended")
        assert problem(await person.exchange("forum")) == (400, "session-ended")
    assert await identity.rows("SELECT 1 FROM security_log WHERE event = 'session-reused'")


async def test_a_token_two_rotations_old_ends_the_family_at_once(identity: Identity) -> None:
    person = await identity.joined(client_id="app")
    first = person.session
    for _ in range(2):
        await person.exchange("forum")
    assert problem(await identity.exchange(first, "forum", "app")) == (400, "session-ended")
    assert problem(await person.exchange("forum")) == (400, "session-ended")


async def test_signing_out_ends_this_session_and_everywhere_ends_all(identity: Identity) -> None:
    person = await identity.joined()
    here, there = person.session, ""
    await person.sign_in()
    there = person.session
    out = await identity.client.delete("/sessions/current", headers={"Authorization": f"Bearer {here}"})
    assert out.status_code == 204
    assert problem(await identity.exchange(here, "forum", "web")) == (400, "session-ended")
    assert (await identity.exchange(there, "forum", "web")).status_code == 200
    await person.sign_in()
    assert (await person.call("DELETE", "/sessions")).status_code == 204
    for session in (there, person.session):
        assert problem(await identity.exchange(session, "forum", "web")) == (400, "session-ended")


@pytest.mark.parametrize(
    ("role", "lasts"), [("member", timedelta(days=14)), ("operator", timedelta(hours=12))]
)
async def test_a_session_ends_by_itself(identity: Identity, role: str, lasts: timedelta) -> None:
    person = await identity.joined(role)
    for passed, expected in ((lasts - timedelta(minutes=1), 200), (lasts, 400)):
        with clock.stopped_at(clock.now() + passed):
            assert (await person.exchange("identity")).status_code == expected


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_whoever_is_suspended_or_closed_gets_no_token(identity: Identity, status: str) -> None:
    person = await identity.joined()
    bearer = {"Authorization": f"Bearer {await person.token('identity')}"}
    async with identity.sessions.begin() as session:
        await session.execute(text(f"UPDATE participants SET status = '{status}'"))
    assert problem(await person.exchange("forum")) == (400, "session-ended")
    assert problem(await identity.client.get("/me", headers=bearer)) == (401, "sign-in-needed")


async def test_only_token_exchange_of_a_session_is_answered(identity: Identity) -> None:
    person = await identity.joined()
    for changed in (
        {"grant_type": "refresh_token"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
    ):
        answer = await person.exchange("forum", **changed)
        assert problem(answer) == (400, "token-request-not-understood")
        assert answer.json()["error"] == "invalid_request"
    assert problem(await identity.client.post("/token", json={})) == (400, "token-request-not-understood")
    garbage = await identity.exchange("garbage", "forum", "web")
    assert problem(garbage) == (400, "session-ended")


async def test_a_recovery_code_lets_in_once_and_ends_every_session(identity: Identity) -> None:
    person = await identity.joined()
    before, code = person.session, person.recovery_codes[0]

    async def recover(code: str, name: str = person.sign_in_name) -> httpx.Response:
        body = {"sign_in_name": name, "recovery_code": code, "new_passphrase": NEW}
        return await identity.client.post("/recoveries", json=body)

    assert problem(await recover(code, "somebody-else-is-this-name")) == (401, "recovery-failed")
    assert problem(await recover("AAAA-AAAA-AAAA")) == (401, "recovery-failed")
    fresh = await recover(code.lower().replace("-", " "))
    assert fresh.status_code == 201
    assert not set(fresh.json()["recovery_codes"]) & set(person.recovery_codes)
    assert problem(await recover(code)) == (401, "recovery-failed")
    assert problem(await recover(person.recovery_codes[1])) == (401, "recovery-failed"), "all are made anew"
    assert problem(await identity.exchange(before, "forum", "web")) == (400, "session-ended")
    assert problem(await person.sign_in()) == (401, "sign-in-failed")
    assert (await person.sign_in(NEW)).status_code == 201


async def test_a_new_passphrase_needs_the_old_one_and_signs_out_everywhere(identity: Identity) -> None:
    person = await identity.joined()
    wrong = {"passphrase": "not this one, surely", "new_passphrase": NEW}
    assert problem(await person.call("PUT", "/me/passphrase", wrong)) == (403, "wrong-passphrase")
    common = {"passphrase": person.passphrase, "new_passphrase": "password123"}
    assert problem(await person.call("PUT", "/me/passphrase", common)) == (422, "passphrase-too-common")
    right = {"passphrase": person.passphrase, "new_passphrase": NEW}
    assert (await person.call("PUT", "/me/passphrase", right)).status_code == 204
    assert problem(await person.exchange("forum")) == (400, "session-ended")
    assert (await person.sign_in(NEW)).status_code == 201


async def _sign_in(person: Person) -> httpx.Response:
    return await person.sign_in()


async def _choose_another(person: Person) -> httpx.Response:
    body = {"passphrase": person.passphrase, "new_passphrase": "a passphrase of the thief"}
    return await person.call("PUT", "/me/passphrase", body)


async def _erase(person: Person) -> httpx.Response:
    return await person.call("POST", "/me/erasure", {"passphrase": person.passphrase})


@pytest.mark.parametrize(
    ("tried", "answered"),
    [
        (_sign_in, (401, "sign-in-failed")),
        (_choose_another, (401, "sign-in-needed")),
        (_erase, (401, "sign-in-needed")),
    ],
)
async def test_a_passphrase_that_is_replaced_while_it_is_looked_at_is_worth_nothing(
    identity: Identity,
    monkeypatch: pytest.MonkeyPatch,
    tried: Callable[[Person], Coroutine[Any, Any, httpx.Response]],
    answered: tuple[int, str],
) -> None:
    """Argon2 takes long in a queue: what it found is a moment old when something is done for it."""
    person = await identity.joined()
    found, may_go_on, verify = asyncio.Event(), asyncio.Event(), Passphrases.verify

    async def in_a_queue(passphrases: Passphrases, verifier: str | None, passphrase: str) -> bool:
        fits = await verify(passphrases, verifier, passphrase)
        found.set()
        await may_go_on.wait()
        return fits

    with monkeypatch.context() as slowly:
        slowly.setattr(Passphrases, "verify", in_a_queue)
        async with asyncio.timeout(30), asyncio.TaskGroup() as asking:
            asked = asking.create_task(tried(person))
            await found.wait()
            known = {"sign_in_name": person.sign_in_name, "recovery_code": person.recovery_codes[0]}
            recovered = await identity.client.post("/recoveries", json=known | {"new_passphrase": NEW})
            assert recovered.status_code == 201
            may_go_on.set()
    assert problem(asked.result()) == answered
    name = sign_in_name_hash(person.sign_in_name, identity.app.state.service.keys)
    assert not await identity.rows(SESSIONS_OF, name=name)
    assert (await person.sign_in(NEW)).status_code == 201, "it is still its owner's"
    assert len(await identity.rows(SESSIONS_OF, name=name)) == 1


async def test_a_sign_in_waits_for_a_passphrase_that_is_just_being_replaced(identity: Identity) -> None:
    person = await identity.joined()
    name = sign_in_name_hash(person.sign_in_name, identity.app.state.service.keys)
    async with asyncio.timeout(30), asyncio.TaskGroup() as asking, identity.sessions.begin() as replacing:
        await replacing.execute(NO_LIMIT)
        credential = await proofs.locked(replacing, await replacing.scalar(OWNER, {"name": name}))
        assert credential is not None
        await replace_passphrase(replacing, credential, "of another passphrase", "passphrase-changed")
        asked = asking.create_task(person.sign_in())
        while not await identity.rows(HELD_UP) and not asked.done():
            await asyncio.wait([asked], timeout=0.01)
    assert problem(asked.result()) == (401, "sign-in-failed")
    assert not await identity.rows(SESSIONS_OF, name=name)
