"""Nobody learns by the time of an answer what its words don't say: the work is counted, not timed.

Counted where it leaves our hands: calls of argon2 with their parameters, statements to PostgreSQL, calls of Redis.
The services look at their outboxes for /metrics meanwhile: what they do beside an answer isn't counted.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import argon2
import httpx
import pytest
import redis.asyncio
from sqlalchemy import Engine, event, text

from services.identity.models.credentials import sign_in_name_hash
from services.identity.policy.codes import INVITATION_LENGTH, RECOVERY_LENGTH, draw
from shared import clock
from tests import tried
from tests.abuse.services import Here, problem_of
from tests.identity.conftest import PASSPHRASE

WRONG = "not this one, surely"


@dataclass
class Work:
    """What was done for one answer."""

    hashing: Counter[str] = field(default_factory=Counter)
    statements: list[str] = field(default_factory=list)
    redis: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> tuple[Any, ...]:
        return tuple(sorted(self.hashing.items())), tuple(self.statements), tuple(sorted(self.redis.items()))


# Tasks that answer inherit it from who asks; those that the services began when they started know nothing of it.
_counting: ContextVar[Work | None] = ContextVar("counting", default=None)


@contextmanager
def counted(patch: pytest.MonkeyPatch) -> Iterator[Work]:
    """All that argon2 is asked for in this block, and what PostgreSQL and Redis are for the sake of an answer."""
    work = Work()
    verify, hash_, execute = (
        argon2.PasswordHasher.verify, argon2.PasswordHasher.hash, redis.asyncio.Redis.execute_command,
    )  # fmt: skip

    def verify_counted(self: Any, verifier: Any, passphrase: Any) -> Any:
        work.hashing[f"verify {verifier.rpartition('$')[0].rpartition('$')[0]}"] += 1  # its parameters
        return verify(self, verifier, passphrase)

    def hash_counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        work.hashing["hash"] += 1
        return hash_(self, *args, **kwargs)

    async def execute_counted(self: Any, *args: Any, **options: Any) -> Any:
        if _counting.get() is work:
            work.redis[str(args[0])] += 1
        return await execute(self, *args, **options)  # type: ignore[no-untyped-call]

    def statement(_connection: Any, _cursor: Any, sent: str, *_: Any) -> None:
        if _counting.get() is work:
            work.statements.append(sent)

    with patch.context() as patched:
        patched.setattr(argon2.PasswordHasher, "verify", verify_counted)
        patched.setattr(argon2.PasswordHasher, "hash", hash_counted)
        patched.setattr(redis.asyncio.Redis, "execute_command", execute_counted)
        event.listen(Engine, "before_cursor_execute", statement)
        before = _counting.set(work)
        try:
            yield work
        finally:
            _counting.reset(before)
            event.remove(Engine, "before_cursor_execute", statement)


def said(answer: httpx.Response) -> tuple[int, str, str]:
    """All that can be read in an answer."""
    return answer.status_code, answer.text, str(sorted(answer.headers.items()))


def in_state(here: Here, status: str) -> str:
    """The sign-in name of somebody whose account is in that state."""
    person = here.run(here.identity.joined("member"))

    async def put() -> None:
        async with here.identity.sessions.begin() as session:
            await session.execute(
                text(
                    "UPDATE participants p SET status = :status FROM credentials c"
                    " WHERE c.participant_id = p.id AND c.identifier_hash = :name"
                ),
                {"status": status, "name": sign_in_name_hash(person.sign_in_name, keys)},
            )

    keys = here.apps["identity"].state.service.keys
    if status != "active":
        here.run(put())
    return person.sign_in_name


def test_what_is_done_for_an_answer_is_counted_and_nothing_that_is_done_beside_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = here.runner.get_loop().create_task(_look_for_ever(here), context=Context())
    body = {"sign_in_name": f"nobody-{uuid4().hex[:6]}", "passphrase": WRONG, "client_id": "app"}
    try:
        with counted(monkeypatch) as work:
            here.ask("POST", "identity", "/sessions", json=body)
    finally:
        beside.cancel()
        here.run(asyncio.wait([beside]))
    assert beside.cancelled(), "it looked all the time"
    assert len(work.statements) == sum(work.redis.values()) == sum(work.hashing.values()) == 1


async def _look_for_ever(here: Here) -> None:
    while True:
        await here.apps["identity"].state.metrics.look()


def test_signing_in_works_as_hard_for_nobody_as_for_somebody(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, words = set(), set()
    tries = [(in_state(here, "active"), WRONG), (f"nobody-{uuid4().hex[:6]}", WRONG)]
    tries += [(in_state(here, status), PASSPHRASE) for status in ("suspended", "closed")]
    tries += [(in_state(here, status), WRONG) for status in ("suspended", "closed")]
    for name, passphrase in tries:
        body = {"sign_in_name": name, "passphrase": passphrase, "client_id": "app"}
        with counted(monkeypatch) as work:
            answer = here.ask("POST", "identity", "/sessions", json=body)
        assert problem_of(answer) == "sign-in-failed"
        assert sum(work.hashing.values()) == 1, "each name is worth the work"
        assert len(work.statements) == 1
        done.add(work.done)
        words.add(said(answer))
        tried.count("abuse", "answers compared")
    assert len(done) == 1, done
    assert len(words) == 1, words


def test_a_name_that_is_slowed_is_so_for_nobody_as_for_somebody(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, words = set(), set()
    with clock.stopped_at(clock.now()):
        for name in (in_state(here, "active"), f"nobody-{uuid4().hex[:6]}", in_state(here, "closed")):
            body = {"sign_in_name": name, "passphrase": WRONG, "client_id": "app"}
            for _ in range(5):
                here.ask("POST", "identity", "/sessions", json=body)
            with counted(monkeypatch) as work:
                answer = here.ask("POST", "identity", "/sessions", json=body)
            assert problem_of(answer) == "sign-in-slowed"
            assert not work.hashing, "who is slowed costs nothing"
            done.add(work.done)
            words.add(said(answer))
            tried.count("abuse", "answers compared")
    assert len(done) == len(words) == 1


def test_recovering_works_as_hard_for_nobody_as_for_somebody(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, words = set(), set()
    for name in (in_state(here, "active"), f"nobody-{uuid4().hex[:6]}", in_state(here, "suspended")):
        body = {
            "sign_in_name": name,
            "recovery_code": draw(RECOVERY_LENGTH),
            "new_passphrase": "lanterns by the shore",
        }
        with counted(monkeypatch) as work:
            answer = here.ask("POST", "identity", "/recoveries", json=body)
        assert problem_of(answer) == "recovery-failed"
        assert not work.hashing, "a guess is worth no hashing"
        done.add(work.done)
        words.add(said(answer))
        tried.count("abuse", "answers compared")
    assert len(done) == len(words) == 1, done


def test_a_guessed_invitation_costs_no_hashing_and_a_used_one_is_like_a_guessed_one(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    community = here.run(here.identity.community())
    used = here.run(here.identity.invitation("member", [community]))
    mine = here.run(here.identity.joining(used))
    here.makes("identity", "/members", mine)
    words = set()
    for code in (used, draw(INVITATION_LENGTH), draw(INVITATION_LENGTH)):
        body = here.run(here.identity.joining(code))
        with counted(monkeypatch) as work:
            answer = here.ask("POST", "identity", "/members", json=body)
        assert problem_of(answer) == "invitation-not-open"
        assert not work.hashing, "a guess is worth no hashing"
        words.add(said(answer))
        tried.count("abuse", "answers compared")
    assert len(words) == 1
    with counted(monkeypatch) as work:
        assert here.ask("POST", "identity", "/members", json=mine).status_code == 201
    assert not work.hashing, "whose answer was lost is known by the whole body"
