"""Notifications on its real engines, with the switchboard's records played to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from services.notifications.app import create_app
from services.notifications.settings import Settings
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.tokens import Issuer

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"


@dataclass
class Notifications:
    """The service and who asks it."""

    app: FastAPI
    client: httpx.AsyncClient
    issuer: Issuer

    async def get(self, path: str, alias: UUID, role: str = "member") -> httpx.Response:
        return await self.client.get(
            path, headers=self.issuer.bearer("notifications", alias=alias, role=role)
        )

    async def waiting(self, alias: UUID) -> list[str]:
        answer = await self.get("/waiting", alias)
        assert answer.status_code == 200, answer.text
        categories: list[str] = answer.json()["categories"]
        return categories

    async def rows(self, sql: str) -> list[Any]:
        async with self.app.state.sessions() as session:
            return list((await session.execute(text(sql))).mappings().all())


@asynccontextmanager
async def running(engines: Engines, **changed: Any) -> AsyncIterator[Notifications]:
    issuer = Issuer()
    settings = Settings(
        region_file=REGION,
        database_url=SecretStr(await engines.database("notifications")),
        redis_url=SecretStr(engines.redis_url("notifications")),
        identity_url="http://identity.invalid",
        secret=SecretStr("a secret of thirty-two bytes or more"),
        **changed,
    )
    app = create_app(settings, issuer.fetch_keys)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifications") as client,
    ):
        yield Notifications(app, client, issuer)


@pytest.fixture
async def notifications(engines: Engines) -> AsyncIterator[Notifications]:
    """The service without consumers: tests hand it the records."""
    async with running(engines, consumers=False) as service:
        yield service


@pytest.fixture
async def on_the_bus(engines: Engines) -> AsyncIterator[Notifications]:
    """The service as it runs, on a Kafka of the catalogue's topics."""
    await engines.fresh_kafka_topics()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    async with running(engines, kafka=kafka) as service:
        yield service
