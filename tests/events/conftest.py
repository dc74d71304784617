"""Events on its real engines, at a time that the tests set."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from services.events.app import create_app
from services.events.settings import Settings
from services.events.use_cases import called_names, departures
from shared import clock
from shared.clock import SettableClock
from shared.contracts.payloads.identity import AudienceAlias
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.tokens import Issuer

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
SECRET = "a secret of thirty-two bytes or more"
TUESDAY_MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)  # 09:00 in Oslo
CAFE = {
    "starts": "2026-03-10T18:00",
    "zone": "Europe/Oslo",
    "duration_minutes": 120,
    "area": "Near the church",
    "way_there": "Bus 4 to Torget, then two minutes on foot.",
    "toilet": "Inside, on the left.",
    "step_free": True,
    "met_by": "Kari, with a green scarf",
    "place": "Storgata 4, the room behind the library",
}


@dataclass
class Person:
    """Somebody with a token for events."""

    events: "Events"
    role: str
    communities: tuple[UUID, ...]
    alias: UUID = field(default_factory=uuid4)

    async def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = kwargs.pop("headers", {}) | self.events.issuer.bearer(
            "events", alias=self.alias, role=self.role, communities=self.communities
        )
        return await self.events.client.request(method, path, headers=headers, **kwargs)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def put(self, path: str, body: Any, status: int = 200) -> Any:
        answer = await self.call("PUT", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def answer(self, cafe: UUID | str, wish: str, status: int = 200) -> Any:
        return await self.put(f"/gatherings/{cafe}/answer", {"answer": wish}, status)

    async def for_you(self) -> list[tuple[str, str]]:
        return [(item["kind"], item["cafe"]["id"]) for item in (await self.get("/for-you"))["items"]]

    async def check_in(self, cafe: UUID, code: str, status: int = 204) -> httpx.Response:
        answer = await self.call("POST", f"/gatherings/{cafe}/check-in", json={"code": code})
        assert answer.status_code == status, answer.text
        return answer

    async def plan(self, community: UUID | None = None, **changed: Any) -> list[UUID]:
        body = CAFE | {"community_id": str(community or self.communities[0])} | changed
        answer = await self.call("POST", "/gatherings", json=body, headers={"Idempotency-Key": uuid4().hex})
        assert answer.status_code == 201, answer.text
        return [UUID(id_) for id_ in answer.json()["ids"]]

    async def code(self, cafe: UUID) -> str:
        code: str = (await self.get(f"/gatherings/{cafe}/code"))["code"]
        return code


@dataclass
class Events:
    """The service and the people around it."""

    app: FastAPI
    client: httpx.AsyncClient
    issuer: Issuer
    time: SettableClock

    def person(self, role: str, *communities: UUID) -> Person:
        return Person(self, role, communities)

    def member(self, *communities: UUID) -> Person:
        return self.person("member", *communities)

    async def community(self, name: str = "", area: str = "The valley") -> UUID:
        answer = await self.person("operator").call(
            "POST",
            "/communities",
            json={"name": name or f"Community {uuid4().hex[:8]}", "area": area},
            headers={"Idempotency-Key": uuid4().hex},
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.app.state.sessions() as session:
            return list((await session.execute(text(sql), values)).mappings().all())

    async def published(self, topic: str) -> list[tuple[str, dict[str, Any]]]:
        """(key, payload) of outbox rows that wait for the relay, in order."""
        from json import loads

        rows = await self.rows(
            "SELECT key, payload FROM outbox WHERE topic = :topic ORDER BY seq", topic=topic
        )
        return [(row["key"], loads(row["payload"])) for row in rows]

    async def requested(self, urgency: str) -> set[UUID]:
        """Whom a notice was requested for since `forget_published`."""
        return {
            UUID(key)
            for key, payload in await self.published("local.notices.requested.events.v1")
            if payload.get("urgency") == urgency
        }

    async def forget_published(self) -> None:
        async with self.app.state.sessions() as session, session.begin():
            await session.execute(text("DELETE FROM outbox"))

    async def identity_says(self, *told: AudienceAlias) -> None:
        async with self.app.state.sessions() as session, session.begin():
            await departures.apply_aliases(session, told, clock.now())

    async def forget_names(self) -> int:
        async with self.app.state.sessions() as session, session.begin():
            return await called_names.forget(session, SECRET.encode(), clock.now())


def about(alias: UUID, version: int = 5, **said: Any) -> AudienceAlias:
    """What identity says of an alias."""
    return AudienceAlias(id=alias, home="north", version=version, **said)


def settings(engines: Engines, dsn: str, **changed: Any) -> Settings:
    return Settings(
        region_file=REGION,
        database_url=SecretStr(dsn),
        redis_url=SecretStr(engines.redis_url("events")),
        identity_url="http://identity.invalid",
        secret=SecretStr(SECRET),
        **changed,
    )


@asynccontextmanager
async def running(chosen: Settings, time: SettableClock) -> AsyncIterator[Events]:
    issuer = Issuer()
    app = create_app(chosen, issuer.fetch_keys)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://events") as client,
    ):
        yield Events(app, client, issuer, time)


@pytest.fixture
def time() -> Iterator[SettableClock]:
    """A Tuesday morning, until moved."""
    with clock.stopped_at(TUESDAY_MORNING) as settable:
        yield settable


@pytest.fixture
async def events(engines: Engines, time: SettableClock) -> AsyncIterator[Events]:
    """The service without relay and consumers: tests look into the outbox and play identity's records."""
    quiet = settings(engines, await engines.database("events"), relay=False, consumers=False)
    async with running(quiet, time) as service:
        yield service


@pytest.fixture
async def on_the_bus(engines: Engines) -> AsyncIterator[Events]:
    """The service as it runs, relay and consumers on a Kafka of the catalogue's topics."""
    await engines.fresh_kafka_topics()
    whole = settings(
        engines,
        await engines.database("events"),
        kafka=KafkaSettings(bootstrap_servers=engines.kafka),
    )
    with clock.stopped_at(datetime.now(UTC)) as settable:
        async with running(whole, settable) as service:
            yield service


def at(day: str, wall: str) -> datetime:
    """A UTC time, to set the clock by."""
    return datetime.fromisoformat(f"{day}T{wall}").replace(tzinfo=UTC)
