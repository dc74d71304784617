"""The forum on its own real engines, and people who use it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from deploy.kafka.topics import apply
from services.forum.app import create_app
from services.forum.settings import Settings
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings, LimitSettings
from tests.engines import Engines
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying
from tests.tokens import Issuer

REGION_FILE = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
PLENTY = LimitSettings(rate=10_000, burst=10_000)

Open = Callable[..., Awaitable["Place"]]


async def settings_for(engines: Engines, **changed: Any) -> Settings:
    """Settings of a forum with a fresh database; consumers and relay are off unless asked for."""
    defaults: dict[str, Any] = {
        "region": "north",
        "region_file": REGION_FILE,
        "database_url": SecretStr(await engines.database("forum")),
        "redis_url": SecretStr(engines.redis_url("forum")),
        "identity_url": "http://identity.invalid",
        "secret": SecretStr("for tests, thirty-two bytes at least"),
        "relay": False,
        "consumers": False,
        "posts": PLENTY,
        "threads": PLENTY,
        "reads": PLENTY,
        "exports": PLENTY,
        "erase_every_seconds": 0.1,
        "release_held_every_seconds": 0.1,
    }
    return Settings(**(defaults | changed))


@asynccontextmanager
async def running(settings: Settings, issuer: Issuer) -> AsyncIterator[FastAPI]:
    """The service through its composition root, started and stopped."""
    app = create_app(settings, fetch_keys=issuer.fetch_keys)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def forum(engines: Engines) -> AsyncIterator[Place]:
    """A forum without Kafka: writing, reading, refusing."""
    issuer = Issuer()
    settings = await settings_for(engines)
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        yield place


@pytest.fixture
async def live_forum(engines: Engines) -> AsyncIterator[Place]:
    """A forum with relay and consumers on a real Kafka, its topics fresh."""
    await engines.fresh_kafka_topics()
    issuer = Issuer()
    settings = await settings_for(
        engines, relay=True, consumers=True, kafka=KafkaSettings(bootstrap_servers=engines.kafka)
    )
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        yield place


@pytest.fixture
async def settings_with_south(engines: Engines) -> Settings:
    """North, in whose Kafka south's topics stand as well, with relay and consumers."""
    await engines.fresh_kafka_topics()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    await apply(kafka, [topic.mirrored_from(SOUTH) for topic in CATALOGUE if topic.mirrored])
    return await settings_for(engines, relay=True, consumers=True, kafka=kafka, neighbours=(SOUTH,))


@pytest.fixture
async def ada(forum: Place) -> Person:
    return await forum.member("Ada")


@pytest.fixture
async def bo(forum: Place) -> Person:
    return await forum.member("Bo")


@pytest.fixture
async def kari(forum: Place) -> Person:
    return forum.consultant("Kari")


@pytest.fixture
async def applying(forum: Place) -> AsyncIterator[Applying]:
    """Applies records to the forum's database as its consumer does."""
    applying = Applying(forum)
    yield applying
    await applying.engine.dispose()
