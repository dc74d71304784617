"""Analytics on its real engines, with identity's and events' records played to it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.analytics.app import create_app
from services.analytics.settings import Settings
from services.analytics.use_cases import engagement, publishing, surroundings
from services.analytics.use_cases.engagement import Act
from shared import clock
from shared.contracts.payloads.events import GatheringRecorded
from shared.contracts.payloads.identity import Source, StudyAlias, StudyJourneys
from shared.due import in_batches
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.tokens import Issuer

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
ZONE = "Europe/Oslo"
HOME = "north"


@dataclass
class Analytics:
    """The service and what is around it."""

    app: FastAPI
    client: httpx.AsyncClient
    issuer: Issuer
    sessions: async_sessionmaker[AsyncSession]
    analyst: UUID = field(default_factory=uuid4)
    operator: UUID = field(default_factory=uuid4)

    @property
    def today(self) -> date:
        return clock.today(ZONE)

    async def call(
        self, method: str, path: str, *, role: str | None = None, alias: UUID | None = None, **kwargs: Any
    ) -> httpx.Response:
        headers = kwargs.pop("headers", {})
        if role is not None:
            own = {"analyst": self.analyst, "operator": self.operator}.get(role)
            headers |= self.issuer.bearer("analytics", role=role, alias=alias or own)
        return await self.client.request(method, path, headers=headers, **kwargs)

    async def propose(self, communities: Sequence[UUID], **changed: Any) -> UUID:
        body = {
            "title": "Walks and words",
            "communities": [str(community) for community in communities],
            "ends_on": str(self.today + timedelta(days=30)),
        }
        answer = await self.call(
            "POST", "/studies", role="analyst", json=body | changed, headers={"Idempotency-Key": uuid4().hex}
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def open_study(self, communities: Sequence[UUID], **changed: Any) -> UUID:
        study = await self.propose(communities, **changed)
        answer = await self.call("POST", f"/studies/{study}/approval", role="operator")
        assert answer.json()["status"] == "open", answer.text
        return study

    async def close_study(self, study: UUID) -> None:
        answer = await self.call("POST", f"/studies/{study}/closing", role="operator")
        assert answer.json()["status"] == "closing", answer.text

    async def figures(self, study: UUID) -> dict[str, Any]:
        answer = await self.call("GET", f"/studies/{study}/research", role="analyst")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def within(self, act: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        async with self.sessions() as session, session.begin():
            return await act(session)

    async def rows_of(self, sql: str, **values: Any) -> list[Any]:
        async with self.sessions() as session:
            return list((await session.execute(text(sql), values)).all())

    async def receive(self, source: Source, *acts: Act) -> None:
        await self.within(
            lambda session: engagement.count_acts(session, source, acts, today=self.today, home=HOME)
        )

    async def erase(self, *aliases: tuple[UUID, UUID, Source], version: int = 10) -> None:
        records = [
            StudyAlias(id=alias, home=HOME, version=version, erased=True, study_id=study, source=source)
            for alias, study, source in aliases
        ]
        await self.within(
            lambda session: engagement.take_aliases(session, records, today=self.today, home=HOME)
        )

    async def hold_cafe(self, community: UUID, head_count: int | None, **changed: Any) -> UUID:
        record = GatheringRecorded(
            **{
                "id": uuid4(),
                "home": HOME,
                "version": 1,
                "community_id": community,
                "day": self.today,
                "head_count": head_count,
            }
            | changed
        )
        await self.within(lambda session: surroundings.take_gatherings(session, [record]))
        return record.id

    async def count_journeys(self, study: UUID, **rows: int) -> None:
        record = StudyJourneys(id=study, home=HOME, version=1, counts={"read and came": 9}, rows=rows)
        await self.within(lambda session: surroundings.take_journeys(session, [record]))

    async def complete_closings(self) -> int:
        return await in_batches(
            self.sessions,
            lambda session: publishing.complete_next(session, minimum=8, today=self.today, home=HOME),
        )


def settings(engines: Engines, dsn: str, **changed: Any) -> Settings:
    return Settings(
        region_file=REGION,
        database_url=SecretStr(dsn),
        redis_url=SecretStr(engines.redis_url("analytics")),
        kafka=KafkaSettings(bootstrap_servers=engines.kafka),
        identity_url="http://identity.invalid",
        secret=SecretStr("a secret of thirty-two bytes or more"),
        **changed,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Analytics]:
    issuer = Issuer()
    app = create_app(settings, issuer.fetch_keys)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://analytics") as client,
    ):
        yield Analytics(app, client, issuer, app.state.sessions)


@pytest.fixture
async def analytics(engines: Engines) -> AsyncIterator[Analytics]:
    """The service without consumers and relay: tests play the records and look into the outbox."""
    dsn = await engines.database("analytics")
    quiet = settings(engines, dsn, relay=False, consumers=False)
    async with running(quiet) as service:
        yield service
