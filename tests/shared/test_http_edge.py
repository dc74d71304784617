"""The edge every service's HTTP shares, over a real PostgreSQL and Redis: commit, repeat, limit, refuse."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis
from sqlalchemy import text

from shared import clock
from shared.api import callers, idempotency, problems, transactions
from shared.api.callers import Caller, requires
from shared.api.idempotency import IdempotencyKey
from shared.api.limits import Limiter
from shared.api.text import Line
from shared.api.transactions import Session
from shared.auth import TokenVerifier
from shared.database.engine import make_engine, make_sessions
from shared.settings import LimitSettings
from tests.engines import Engines
from tests.tokens import ISSUER, Issuer

SECRET = bytes(32)
LOG = text("INSERT INTO security_log (id, happened_on, event) VALUES (:id, DATE '2026-03-01', :event)")
Member = Annotated[Caller, Depends(requires("member"))]


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    line: Line


class Teapot(problems.Problem):
    status = 418
    type = "teapot"
    title = "I'm a teapot."


class Service:
    """A service with one POST that creates, on its real database."""

    def __init__(self, dsn: str, redis_url: str, all_of_redis: str) -> None:
        self.issuer = Issuer()
        self.engine = make_engine(dsn, pool=5)
        self.redis = Redis.from_url(redis_url)
        self.all_of_redis = Redis.from_url(all_of_redis)  # a service's own user may not list keys
        limiter = Limiter(self.redis, "notes:", SECRET)
        self.app = app = FastAPI()
        problems.install(app)
        transactions.install(app, make_sessions(self.engine))
        callers.install(app, TokenVerifier(self.issuer.fetch_keys, issuer=ISSUER, audience="notes"))
        self.limit = LimitSettings(rate=100, burst=100)

        @app.post("/notes", status_code=201)
        async def write(note: Note, session: Session, caller: Member, key: IdempotencyKey) -> dict[str, UUID]:
            await limiter.take("notes", caller.alias, self.limit)
            claim = await idempotency.claim(session, SECRET, caller.alias, "notes", key, note)
            if claim.made_id:
                return {"id": claim.made_id}
            made = uuid4()
            await session.execute(LOG, {"id": made, "event": note.line})
            await claim.made(session, made)
            if note.line == "teapot":
                raise Teapot("Short and stout.")
            if note.line == "bug":
                raise RuntimeError("a secret in a message")
            return {"id": made}

        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://notes"
        )

    async def post(self, line: str, *, alias: UUID, key: str | None = None) -> httpx.Response:
        headers = self.issuer.bearer("notes", alias=alias) | ({"Idempotency-Key": key} if key else {})
        return await self.client.post("/notes", json={"line": line}, headers=headers)

    async def kept(self, line: str) -> int:
        async with self.engine.connect() as connection:
            count = await connection.scalar(
                text("SELECT count(*) FROM security_log WHERE event = :e"), {"e": line}
            )
        return int(count or 0)


@pytest.fixture
async def service(engines: Engines) -> AsyncIterator[Service]:
    service = Service(
        await engines.database("notifications"), engines.redis_url("notes"), engines.redis_url()
    )
    yield service
    await service.client.aclose()
    await service.redis.aclose()
    await service.all_of_redis.aclose()
    await service.engine.dispose()


def new_key() -> str:
    return uuid4().hex


async def test_what_was_answered_is_committed(service: Service) -> None:
    answer = await service.post("kept", alias=uuid4(), key=new_key())
    assert answer.status_code == 201
    assert await service.kept("kept") == 1


async def test_a_repeat_answers_with_what_the_first_made_and_makes_nothing(service: Service) -> None:
    alias, key = uuid4(), new_key()
    answers = [await service.post("once", alias=alias, key=key) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await service.kept("once") == 1


async def test_of_ten_simultaneous_repeats_exactly_one_creates(service: Service) -> None:
    alias, key = uuid4(), new_key()
    answers = await asyncio.gather(*(service.post("raced", alias=alias, key=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await service.kept("raced") == 1


async def test_a_key_with_another_body_is_refused_and_another_persons_same_key_is_not(
    service: Service,
) -> None:
    alias, key = uuid4(), new_key()
    await service.post("first", alias=alias, key=key)
    assert (await service.post("second", alias=alias, key=key)).status_code == 422
    assert (await service.post("second", alias=uuid4(), key=key)).status_code == 201


async def test_a_key_whose_request_failed_can_be_used_again(service: Service) -> None:
    alias, key = uuid4(), new_key()
    for _ in range(2):
        answer = await service.post("teapot", alias=alias, key=key)
        assert (answer.status_code, answer.json()["type"]) == (418, "/problems/teapot")
    assert await service.kept("teapot") == 0


async def test_a_bug_is_a_500_that_repeats_nothing_and_keeps_nothing(service: Service) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await service.post("bug", alias=uuid4(), key=new_key())
    assert answer.status_code == 500
    [line] = [line for line in lines if line["event"] == "unexpected_error"]
    assert line["error"] == "RuntimeError"
    assert re.fullmatch(r"\w+(\.\w+)+:\d+", line["where"]), "module and line"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert await service.kept("bug") == 0


async def test_without_a_key_or_with_unknown_fields_or_hidden_characters_it_says_what_to_do(
    service: Service,
) -> None:
    bearer = service.issuer.bearer("notes")
    keyless = await service.client.post("/notes", json={"line": "x"}, headers=bearer)
    assert (keyless.status_code, keyless.json()["type"]) == (400, "/problems/idempotency-key-needed")
    headers = bearer | {"Idempotency-Key": new_key()}
    extra = await service.client.post("/notes", json={"line": "x", "on": "2026-01-01"}, headers=headers)
    assert extra.status_code == 422
    turned = await service.client.post("/notes", json={"line": "x\u202e"}, headers=headers)
    assert (turned.status_code, turned.json()["type"]) == (422, "/problems/text-not-allowed")
    assert "\u202e" not in turned.text
    as_json = headers | {"Content-Type": "application/json"}
    broken = await service.client.post("/notes", content=b"{", headers=as_json)
    assert (broken.status_code, broken.headers["content-type"]) == (400, "application/problem+json")


async def test_another_role_and_no_token_are_refused(service: Service) -> None:
    headers = service.issuer.bearer("notes", role="operator") | {"Idempotency-Key": new_key()}
    assert (await service.client.post("/notes", json={"line": "x"}, headers=headers)).status_code == 403
    assert (await service.client.post("/notes", json={"line": "x"})).status_code == 401


async def test_of_many_at_one_moment_as_many_pass_as_the_limit_says(service: Service) -> None:
    service.limit = LimitSettings(rate=0.05, burst=5)
    ada, ben = uuid4(), uuid4()
    with clock.stopped_at(datetime(2026, 3, 1, 12, tzinfo=UTC)):
        answers = await asyncio.gather(
            *(service.post("crowd", alias=a, key=new_key()) for a in [ada] * 12 + [ben] * 4)
        )
    assert sorted(answer.status_code for answer in answers[:12]) == [201] * 5 + [429] * 7
    assert [answer.status_code for answer in answers[12:]] == [201] * 4


async def test_a_person_over_the_limit_is_told_when_to_go_on_and_others_are_not_held_up(
    service: Service,
) -> None:
    service.limit = LimitSettings(rate=0.05, burst=2)
    alias = uuid4()
    with clock.stopped_at(datetime(2026, 3, 1, 12, 0, 45, tzinfo=UTC)) as time:
        answers = [await service.post("limited", alias=alias, key=new_key()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert answers[-1].headers["retry-after"] == "15"
        assert (await service.post("limited", alias=uuid4(), key=new_key())).status_code == 201
        time.move(timedelta(seconds=15))
        again = [await service.post("limited", alias=alias, key=new_key()) for _ in range(3)]
        assert [answer.status_code for answer in again] == [201, 201, 429]


async def test_a_bucket_that_stays_for_minutes_knows_its_time_to_the_minute_only(service: Service) -> None:
    service.limit = LimitSettings(rate=0.05, burst=3)
    before = {key async for key in service.all_of_redis.scan_iter("notes:*")}
    await service.post("timed", alias=uuid4(), key=new_key())
    [key] = {key async for key in service.all_of_redis.scan_iter("notes:*")} - before
    known = await service.redis.hget(key, "at")
    assert known is not None
    assert int(known) % 60 == 0
    ends = clock.now().timestamp() + await service.redis.pttl(key) / 1000
    assert min(ends % 60, 60 - ends % 60) < 1.5


async def test_redis_knows_no_alias(service: Service) -> None:
    alias = uuid4()
    await service.post("unnamed", alias=alias, key=new_key())
    keys = [key async for key in service.all_of_redis.scan_iter("notes:*")]
    assert keys
    assert not [key for key in keys if str(alias).encode() in key or alias.hex.encode() in key]
