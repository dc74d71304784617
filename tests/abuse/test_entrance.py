"""Guessing at the door: names, passphrases, invitations, recovery codes; slow requests; a borrowed host."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message

from deploy.gateway.fallback import Fallback
from deploy.gateway.limits import ENTRANCE, EdgeLimits
from deploy.gateway.router import Gateway
from deploy.gateway.settings import GatewaySettings
from services.identity.policy.codes import INVITATION_LENGTH, draw
from shared import clock
from shared.region import load_region
from tests import tried
from tests.abuse.services import REGION, Here, problem_of

WRONG = "not this one, surely"


class Stopped:
    """The edge's own clock, standing still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def edge(here: Here) -> Gateway:
    """The gateway before the real services, its buckets full."""
    gateway = Gateway(Fallback(load_region(REGION)), EdgeLimits(now=Stopped()))
    gateway.services = dict(here.apps)
    return gateway


async def knock(
    edge: Gateway, calls: Sequence[tuple[str, dict[str, Any]]], *, spoofed: bool = False
) -> list[httpx.Response]:
    """Each (address, request) one after another, from that address."""
    answers = []
    for number, (address, call) in enumerate(calls):
        transport = httpx.ASGITransport(edge.public, client=(address, 1))
        forged = f"203.0.113.{number % 250}"
        names = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP")
        headers = dict.fromkeys(names, forged) | {"Forwarded": f"for={forged}"} if spoofed else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
            answers.append(await client.request(**{"method": "POST", "headers": headers} | call))
    tried.count("abuse", "guesses at the door", len(answers))
    return answers


def signing_in(name: str, passphrase: str = WRONG, url: str = "/api/identity/sessions") -> dict[str, Any]:
    return {"url": url, "json": {"sign_in_name": name, "passphrase": passphrase, "client_id": "app"}}


@pytest.mark.parametrize("spoofed", [False, True], ids=["plainly", "under forged addresses"])
def test_one_address_with_a_list_of_accounts_gets_sixty_tries(
    here: Here, edge: Gateway, spoofed: bool
) -> None:
    names = [f"stolen-list-{uuid4().hex[:8]}" for _ in range(80)]
    answers = here.run(knock(edge, [("198.51.100.9", signing_in(name)) for name in names], spoofed=spoofed))
    assert Counter(answer.status_code for answer in answers) == {
        401: ENTRANCE.burst,
        429: 80 - ENTRANCE.burst,
    }


def test_no_spelling_of_the_door_is_another_door(here: Here, edge: Gateway) -> None:
    address = "198.51.100.10"
    here.run(knock(edge, [(address, signing_in("nobody-at-all"))] * ENTRANCE.burst))
    spellings = [
        "/api/identity/sessions/", "/api/identity//sessions", "//api/identity/sessions", "/api/identity/./sessions",
        "/api/forum/../identity/sessions", "/api/identity/%73essions", "/api/identity/sessions%2f",
        "/api/identity/sessions;x=1", "/api/identity/sessions?x=1", "/api/identity/sessions%00", "/api/identity/Sessions",
        "/api/Identity/sessions", "/api/identity/sessions/%2e", "/api/identity/sessions#x", "/api/identity/sessions//",
    ]  # fmt: skip
    for spelling in spellings:  # 503: what isn't of a service is web's, which isn't here
        (answer,) = here.run(knock(edge, [(address, signing_in("nobody-at-all", url=spelling))]))
        assert answer.status_code in (404, 405, 429, 503), (spelling, answer.status_code)


def test_many_addresses_at_one_account_are_slowed_as_one(here: Here, edge: Gateway) -> None:
    person = here.run(here.identity.joined("member"))
    with clock.stopped_at(clock.now()):
        calls = [(f"2001:db8:{n:x}::1", signing_in(person.sign_in_name)) for n in range(40)]
        answers = here.run(knock(edge, calls))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 35}
    assert {answer.json()["type"] for answer in answers[5:]} == {"/problems/sign-in-slowed"}


def test_a_household_of_addresses_is_one(here: Here, edge: Gateway) -> None:
    calls = [(f"2001:db8:7:7::{n:x}", signing_in(f"a-name-{uuid4().hex[:6]}")) for n in range(70)]
    assert [answer.status_code for answer in here.run(knock(edge, calls))].count(429) == 10


def test_the_same_passphrase_at_many_names_from_everywhere_finds_nothing_out(
    here: Here, edge: Gateway
) -> None:
    """Spraying: every answer is the same to the letter, whether somebody has the name or not."""
    people = [here.run(here.identity.joined("member")).sign_in_name for _ in range(3)]
    names = people + [f"nobody-{uuid4().hex[:6]}" for _ in range(3)]
    answers = here.run(knock(edge, [(f"192.0.2.{n}", signing_in(name)) for n, name in enumerate(names)]))
    told = {(answer.status_code, answer.text, str(sorted(answer.headers.items()))) for answer in answers}
    assert len(told) == 1, "names that exist are told apart"


def test_guessed_invitations_answer_alike_and_run_dry(here: Here, edge: Gateway) -> None:
    community = here.run(here.identity.community())
    code = here.run(here.identity.invitation("member", [community]))
    near = [code[:-1] + last for last in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if last != code[-1]]
    guesses = near + [draw(INVITATION_LENGTH) for _ in range(40)] + ["", "0", "-" * 19, "%", "A" * 80]
    address = "198.51.100.12"
    calls = [
        (address, {"url": "/api/identity/invitations/look", "json": {"invitation": guess}})
        for guess in guesses
    ]
    answers = here.run(knock(edge, calls))
    assert {answer.status_code for answer in answers} == {404, 429}
    assert len({answer.text for answer in answers if answer.status_code == 404}) == 1
    assert len({answer.text for answer in answers if answer.status_code == 429}) == 1
    assert here.ask("POST", "identity", "/invitations/look", json={"invitation": code}).is_success


def test_sessions_that_never_were_answer_like_those_that_ended(here: Here) -> None:
    person = here.run(here.identity.joined("member", client_id="app"))
    bearer = {"Authorization": f"Bearer {person.session}"}
    here.ask("DELETE", "identity", "/sessions/current", headers=bearer)
    sessions = [person.session, person.session[:-1] + "x", "nothing", "", "\U0001f600", "a" * 5_000]
    answers = [here.run(here.identity.exchange(one, "forum", "app")) for one in sessions]
    assert len({answer.text for answer in answers}) == 1
    assert {problem_of(answer) for answer in answers} == {"session-ended"}


@pytest.mark.parametrize("path", ["/api/identity/sessions", "/api/forum/threads", "/sign-in"])
def test_a_body_that_trickles_in_is_given_up_before_any_service_sees_it(here: Here, path: str) -> None:
    edge = Gateway(Fallback(load_region(REGION)), settings=GatewaySettings(body_seconds=0.05))
    edge.services = dict(here.apps)
    sent: list[Message] = []

    async def trickle() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"content-length", b"60000")], "client": ("198.51.100.13", 1), "root_path": "", "scheme": "http",
        "http_version": "1.1", "server": ("region.test", 80),
    }  # fmt: skip
    here.run(edge.public(scope, trickle, send))
    assert sent[0]["status"] == 408


def test_a_borrowed_host_changes_no_answer(here: Here, edge: Gateway) -> None:
    def shown(host: str) -> tuple[int, str, list[tuple[str, str]]]:
        call = {"method": "GET", "url": "/api/identity/texts?language=en", "headers": {"Host": host}}
        (answer,) = here.run(knock(edge, [("198.51.100.14", call)]))
        return answer.status_code, answer.text, sorted(answer.headers.items())

    assert shown("region.test") == shown("evil.example") == shown("region.test:99999") == shown("a b\tc")
