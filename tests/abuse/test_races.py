"""Ten at once for what there is once: exactly one wins, and nobody else's answer pretends so."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from tests import tried
from tests.abuse.services import Here, in_days, problem_of
from tests.events.conftest import CAFE
from tests.identity.conftest import PASSPHRASE
from tests.identity.conftest import Person as Account
from tests.people import eventually

ROUNDS = 3
AT_ONCE = 10
NOT_SLOWED = 5  # tries at one sign-in name, `failures_before_waiting`
NO_LIMIT = text("SET LOCAL transaction_timeout = 0")
HOLD_PASSPHRASES = text("SELECT 1 FROM credentials FOR UPDATE")
HELD_UP = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def at_once(here: Here, service: str, requests: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """All of them in one moment, none a fault of ours."""

    async def all_of_them() -> list[httpx.Response]:
        return list(await asyncio.gather(*(here.clients[service].request(**one) for one in requests)))

    answers = here.run(all_of_them())
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    tried.count("abuse", "requests raced", len(answers))
    return answers


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_one_invitation_lets_one_in(here: Here) -> None:
    for _ in range(ROUNDS):
        community = here.run(here.identity.community())
        code = here.run(here.identity.invitation("member", [community]))
        bodies = [
            here.run(here.identity.joining(code, passphrase=f"{PASSPHRASE} {n}")) for n in range(AT_ONCE)
        ]
        answers = at_once(
            here, "identity", [{"method": "POST", "url": "/members", "json": body} for body in bodies]
        )
        assert statuses(answers)[201] == 1, statuses(answers)
        refused = {answer.json()["type"] for answer in answers if answer.status_code != 201}
        assert refused == {"/problems/invitation-not-open"}


def test_one_open_name_goes_to_one_consultant(here: Here) -> None:
    community = here.run(here.identity.community())
    codes = [here.run(here.identity.invitation("consultant", [community])) for _ in range(AT_ONCE)]
    spelled = ["Ingrid Vold", "ingrid vold", "Ingrid  Vold", "INGRID VOLD", "Ingrid-Vold"]
    bodies = [
        here.run(here.identity.joining(code, display_name=spelled[n % len(spelled)]))
        for n, code in enumerate(codes)
    ]
    answers = at_once(
        here, "identity", [{"method": "POST", "url": "/members", "json": body} for body in bodies]
    )
    assert statuses(answers)[201] == 1, statuses(answers)


def test_one_recovery_code_works_once(here: Here) -> None:
    """All who aren't slowed stand before the account's passphrase, or before the code, when the first may go on."""
    person = here.run(here.identity.joined("member"))
    bodies = [
        {
            "sign_in_name": person.sign_in_name,
            "recovery_code": person.recovery_codes[0],
            "new_passphrase": f"lanterns along the shore {n}",
        }
        for n in range(AT_ONCE)
    ]

    async def held_up() -> int:
        async with here.identity.sessions() as looking:  # one transaction sees the same all the time
            return int(await looking.scalar(HELD_UP) or 0)

    async def all_held_up() -> list[httpx.Response]:
        async with here.identity.sessions() as holding, asyncio.TaskGroup() as asking:
            await holding.execute(NO_LIMIT)
            await holding.execute(HOLD_PASSPHRASES)
            asked = [
                asking.create_task(here.clients["identity"].post("/recoveries", json=body)) for body in bodies
            ]
            await eventually(held_up, lambda found: found >= NOT_SLOWED)
            await holding.rollback()
        return [task.result() for task in asked]

    answers = here.run(all_held_up())
    tried.count("abuse", "requests raced", len(answers))
    assert statuses(answers)[201] == 1, statuses(answers)
    refused = {problem_of(answer) for answer in answers if answer.status_code != 201}
    assert "recovery-failed" in refused
    assert refused <= {"recovery-failed", "sign-in-slowed"}


def test_one_forum_name_goes_to_one_member_however_it_is_spelled(here: Here) -> None:
    for _ in range(ROUNDS):
        letter = "".join(chr(97 + byte % 26) for byte in uuid4().bytes[:10])
        spelled = [
            f"Rowan {letter}",
            f"rowan {letter}",
            f"Rоwan {letter}",
            f"Ｒowan {letter}",
            f"R0wan {letter}",
        ]
        requests = [
            {
                "method": "POST",
                "url": "/profile",
                "headers": here.issuer.bearer("forum"),
                "json": {"name": name},
            }
            for name in spelled * 2
        ]
        answers = at_once(here, "forum", requests)
        assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}, "one name for one member"


def test_one_last_place_goes_to_one_guest(here: Here) -> None:
    for _ in range(ROUNDS):
        plan = CAFE | {"community_id": str(here.communities[0]), "starts": in_days(45), "capacity": 1}
        (cafe,) = here.makes("events", "/gatherings", plan, role="consultant")["ids"]
        requests = [
            {
                "method": "PUT",
                "url": f"/gatherings/{cafe}/answer",
                "headers": here.issuer.bearer("events", communities=here.communities),
                "json": {"answer": "come"},
            }
            for _ in range(AT_ONCE)
        ]
        answers = at_once(here, "events", requests)
        places = [answer.json()["waiting"] for answer in answers].count(False)
        assert places == 1, "the last place goes to one guest"
        counts = here.ask("GET", "events", f"/gatherings/{cafe}/answers", role="consultant").json()
        assert counts == {"come": 1, "maybe": 0, "waiting": AT_ONCE - 1}


def test_one_key_makes_one_thing_whatever_else_comes_with_it(here: Here) -> None:
    alias = uuid4()
    bearer = here.issuer.bearer("forum", alias=alias)
    here.makes("forum", "/profile", {"name": f"Sedge {alias.hex[:8]}"}, headers=bearer)
    requests = [
        {
            "method": "POST",
            "url": "/threads",
            "headers": bearer | {"Idempotency-Key": "the same key"},
            "json": {"title": f"Number {n}", "wish": "listen", "body": "B"},
        }
        for n in range(AT_ONCE)
    ]
    answers = at_once(here, "forum", requests)
    assert statuses(answers) == {201: 1, 422: AT_ONCE - 1}
    won = next(answer for answer in answers if answer.status_code == 201).json()["title"]
    assert all(won not in answer.text for answer in answers if answer.status_code == 422)


def test_an_account_is_erased_once_whatever_else_its_owner_does_at_that_moment(here: Here) -> None:
    erased = 0
    for _ in range(ROUNDS):
        person = here.run(here.identity.joined("member", client_id="app"))
        bearer = {"Authorization": f"Bearer {here.run(person.token('identity'))}"}
        own: dict[str, Any] = {"headers": bearer}
        erase = own | {"method": "POST", "url": "/me/erasure", "json": {"passphrase": PASSPHRASE}}
        new = {"passphrase": PASSPHRASE, "new_passphrase": "lanterns along the shore"}
        others = [
            own | {"method": "PUT", "url": "/me/research", "json": {"consent": False}},
            own | {"method": "POST", "url": "/me/export"},
            own | {"method": "GET", "url": "/me"},
            own | {"method": "PUT", "url": "/me/passphrase", "json": new},
            own | {"method": "DELETE", "url": "/sessions"},
            *(exchanged(here, person, person.session, one) for one in ("forum", "events", "notifications")),
        ]
        answers = at_once(here, "identity", [erase, erase, *others, erase])
        erasures = statuses([answers[0], answers[1], answers[-1]])
        assert erasures[202] <= 1, erasures
        gone = at_once(here, "identity", [*others, own | {"method": "GET", "url": "/me"}])
        if erasures[202]:
            assert statuses(gone).keys() <= {400, 401}
        erased += erasures[202]
    assert erased, "the others always came first"


def exchanged(here: Here, person: Account, session: str, audience: str) -> dict[str, Any]:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": session,
        "subject_token_type": "urn:peercafe:token-type:session",
        "audience": audience,
        "client_id": person.client_id,
    }
    return {"method": "POST", "url": "/token", "data": form}


def test_ten_requests_at_once_with_one_session_all_get_a_token_and_one_successor(here: Here) -> None:
    person = here.run(here.identity.joined("member", client_id="app"))
    audiences = ["forum", "events", "identity", "notifications", "forum"] * 2
    answers = at_once(here, "identity", [exchanged(here, person, person.session, one) for one in audiences])
    assert statuses(answers) == {200: AT_ONCE}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert person.session not in successors
    assert len({answer.json()["access_token"] for answer in answers}) == AT_ONCE


def test_a_lost_answer_to_an_exchange_costs_nothing_and_a_stolen_session_ends(here: Here) -> None:
    person = here.run(here.identity.joined("member", client_id="app"))
    first = person.session
    lost = here.run(here.identity.exchange(first, "forum", "app")).json()["refresh_token"]
    again = here.run(here.identity.exchange(first, "forum", "app")).json()["refresh_token"]
    assert again == lost, "who never saw the answer asks again"
    successor = here.run(here.identity.exchange(again, "forum", "app")).json()["refresh_token"]
    stolen = here.run(here.identity.exchange(first, "forum", "app"))
    assert stolen.status_code == 400
    ended = here.run(here.identity.exchange(successor, "forum", "app"))
    assert (ended.status_code, ended.json()["type"]) == (400, "/problems/session-ended")
