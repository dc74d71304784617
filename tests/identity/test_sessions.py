"""Signing in, staying in, and getting out."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import text

from services.identity.settings import Settings
from shared import clock
from tests.identity.conftest import Identity, running


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
        body = {"sign_in_name": name, "recovery_code": code, "new_passphrase": "lanterns along the shore"}
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
    assert (await person.sign_in("lanterns along the shore")).status_code == 201


async def test_a_new_passphrase_needs_the_old_one_and_signs_out_everywhere(identity: Identity) -> None:
    person = await identity.joined()
    new = "lanterns along the shore"
    wrong = {"passphrase": "not this one, surely", "new_passphrase": new}
    assert problem(await person.call("PUT", "/me/passphrase", wrong)) == (403, "wrong-passphrase")
    common = {"passphrase": person.passphrase, "new_passphrase": "password123"}
    assert problem(await person.call("PUT", "/me/passphrase", common)) == (422, "passphrase-too-common")
    right = {"passphrase": person.passphrase, "new_passphrase": new}
    assert (await person.call("PUT", "/me/passphrase", right)).status_code == 204
    assert problem(await person.exchange("forum")) == (400, "session-ended")
    assert (await person.sign_in(new)).status_code == 201
