"""Guessing at one sign-in name is slowed, never locked; with Redis and without."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
from joserfc.jwk import OKPKey
from pydantic import SecretStr

from deploy.embedded.ports import free_port
from services.identity.policy.codes import RECOVERY_LENGTH, draw
from services.identity.settings import Settings
from shared import clock
from tests.identity.conftest import Identity, Person, running

NEW = "lanterns along the shore"


@pytest.fixture(params=["redis", "no redis"])
async def slowing(
    request: pytest.FixtureRequest, settings: Settings, web_key: OKPKey
) -> AsyncIterator[Identity]:
    """Identity with Redis, and with an address where none answers."""
    if request.param == "no redis":
        settings = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")})
    async with running(settings, web_key) as service:
        yield service


def waits(answer: httpx.Response) -> int | None:
    """Seconds to wait, or None for an answer that isn't a refusal to look."""
    if answer.status_code != 429:
        return None
    assert answer.json()["type"] == "/problems/sign-in-slowed"
    return int(answer.headers["retry-after"])


async def fail(person: Person, times: int = 1) -> list[int | None]:
    return [waits(await person.sign_in("not this one, surely")) for _ in range(times)]


async def test_five_failures_then_one_second_doubling_to_sixty(slowing: Identity) -> None:
    person = await slowing.joined()
    start = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
    with clock.stopped_at(start) as time_now:
        assert await fail(person, 5) == [None] * 5
        for expected in (1, 2, 4, 8, 16, 32, 60, 60):
            assert await fail(person, 2) == [expected, expected], "waiting costs nothing more"
            time_now.move(timedelta(seconds=expected))
            assert await fail(person) == [None], "after the wait somebody looks again"


async def test_the_right_passphrase_after_the_wait_lets_in_and_forgets(slowing: Identity) -> None:
    person = await slowing.joined()
    with clock.stopped_at(clock.now()) as time_now:
        await fail(person, 5)
        assert waits(await person.sign_in()) == 1, "even the right one waits"
        time_now.move(timedelta(seconds=1))
        assert (await person.sign_in()).status_code == 201
        assert await fail(person, 5) == [None] * 5


async def test_another_name_is_not_slowed(slowing: Identity) -> None:
    guessed, other = await slowing.joined(), await slowing.joined()
    await fail(guessed, 6)
    assert (await other.sign_in()).status_code == 201


async def test_a_name_nobody_has_is_slowed_alike(slowing: Identity) -> None:
    nobody = Person(slowing, "this-name-is-nobodys", [])
    with clock.stopped_at(clock.now()):
        assert await fail(nobody, 6) == [None] * 5 + [1]


async def test_guesses_at_once_are_no_quicker_than_one_after_another(slowing: Identity) -> None:
    person = await slowing.joined()
    with clock.stopped_at(clock.now()):
        guesses = await asyncio.gather(*(person.sign_in(f"guess number {n}") for n in range(20)))
    assert [answer.status_code for answer in guesses].count(401) == 5


async def test_recovery_codes_and_sensitive_steps_are_slowed_as_well(identity: Identity) -> None:
    person = await identity.joined()
    recovery = {
        "sign_in_name": person.sign_in_name,
        "recovery_code": "AAAA-AAAA-AAAA",
        "new_passphrase": NEW,
    }
    wrong = {"passphrase": "not this one, surely"}
    with clock.stopped_at(clock.now()):
        answers = [await identity.client.post("/recoveries", json=recovery) for _ in range(6)]
        assert [waits(answer) for answer in answers] == [None] * 5 + [1]
        erasures = [await person.call("POST", "/me/erasure", wrong) for _ in range(6)]
        assert [waits(answer) for answer in erasures] == [None] * 5 + [1]


async def recover(person: Person, code: str) -> httpx.Response:
    body = {"sign_in_name": person.sign_in_name, "recovery_code": code, "new_passphrase": NEW}
    return await person.identity.client.post("/recoveries", json=body)


async def test_whoever_fails_at_somebodys_name_keeps_neither_their_codes_nor_them_out(
    slowing: Identity,
) -> None:
    person = await slowing.joined()
    with clock.stopped_at(clock.now()) as time_now:
        while (wait := (await fail(person))[0]) != 60:
            time_now.move(timedelta(seconds=wait or 0))
        wrong = [await recover(person, draw(RECOVERY_LENGTH)) for _ in range(20)]
        assert {answer.status_code for answer in wrong} == {401}
        assert (await recover(person, person.recovery_codes[0])).status_code == 201
        assert (await person.sign_in(NEW)).status_code == 201


async def test_nobody_keeps_argon2_busy_by_changing_a_passphrase_over_and_over(identity: Identity) -> None:
    """Right each time, so that no failure slows it; from any number of sessions, so by alias."""
    person = await identity.joined()
    body = {"passphrase": person.passphrase, "new_passphrase": person.passphrase}
    own = {"Authorization": f"Bearer {await person.token('identity')}"}
    most = identity.settings.confirmations.burst
    with clock.stopped_at(clock.now()) as time_now:
        for _ in range(most):
            assert (await identity.client.put("/me/passphrase", json=body, headers=own)).status_code == 204
        for method, path in (("PUT", "/me/passphrase"), ("POST", "/me/erasure")):
            refused = await identity.client.request(method, path, json=body, headers=own)
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many")
        assert int(refused.headers["retry-after"]) <= 3600 / most + 60
        assert (await person.sign_in()).status_code == 201, "signing in isn't slowed by it"
        time_now.move(timedelta(seconds=int(refused.headers["retry-after"])))
        again = await person.call("PUT", "/me/passphrase", body)
        assert again.status_code == 204


async def test_whoever_finds_too_many_waiting_for_argon2_is_told_at_once_to_come_again(
    settings: Settings, web_key: OKPKey
) -> None:
    """Else each would hold a connection as long as the queue is; and a try that nobody looked at isn't a failure."""
    settings = settings.model_copy(update={"argon2_threads": 1, "argon2_queue": 3})
    async with running(settings, web_key) as identity:
        person, others = await identity.joined(), [await identity.joined() for _ in range(2)]
        queue = [person, *others] * 10
        answers = await asyncio.gather(*(one.sign_in() for one in queue))
        busy = [answer for answer in answers if answer.status_code == 503]
        assert busy
        assert {(answer.json()["type"], answer.headers["retry-after"]) for answer in busy} == {
            ("/problems/not-now", "5")
        }
        assert (await person.sign_in()).status_code == 201, "the queue is free again"


async def test_a_recovery_that_finds_too_many_waiting_for_argon2_is_not_a_failure(
    settings: Settings, web_key: OKPKey
) -> None:
    settings = settings.model_copy(update={"argon2_queue": 1})
    async with running(settings, web_key) as identity:
        person = await identity.joined()
        code = person.recovery_codes[0]
        with identity.app.state.service.authentication.passphrases.place():
            busy = [await recover(person, code) for _ in range(settings.failures_before_waiting + 1)]
        assert {answer.status_code for answer in busy} == {503}
        assert (await recover(person, code)).status_code == 201
