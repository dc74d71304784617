"""The stage of the scenario: a region's services in this process, on engines laid out as in a deployment.

One PostgreSQL cluster per service, or transaction ids would join what services keep apart in life; Kafka and Redis
as the embedded region runs them. Kafka keeps facts for ever here: their timestamps are months old, and an attacker
who copied the topics all along loses nothing.
"""

import asyncio
import importlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.embedded import guard, jars
from deploy.embedded.kafka import Kafka
from deploy.embedded.lifespans import Lifespan
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register
from deploy.embedded.redis import Redis
from deploy.kafka.topics import apply
from services.identity.keys import make_key_file
from services.identity.switchboard import runners
from shared.bus.broker import make_admin
from shared.bus.bus import Bus
from shared.clock import SettableClock
from shared.contracts.topics import CATALOGUE, Kind
from shared.database.migrations import migrate
from shared.outbox import keep_alives
from shared.settings import KafkaSettings
from tests.engines import PASSWORD, SERVICES
from tests.logs import logging_as

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
NEVER = str(2**62)
# Hashing cheaply, and one signing key for all the months, which pass in a minute here.
QUICK = {"argon2_time_cost": 1, "argon2_memory_kib": 1024, "argon2_lanes": 1, "signing_key_days": 1000}


@dataclass
class Stage:
    """Where the scenario plays, and where its copies are taken from."""

    home: Path
    time: SettableClock
    databases: dict[str, str] = field(default_factory=dict)  # service → plain DSN of that cluster's superuser
    owned: dict[str, str] = field(default_factory=dict)  # service → SQLAlchemy's DSN of its own role
    redis_url: str = ""
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    apps: dict[str, ASGIApp] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    buses: list[Bus] = field(default_factory=list)
    idle: float = 0.0  # seconds by which the clock of keep-alives, which is monotonic, is ahead

    @property
    def keys_file(self) -> Path:
        return self.home / "keys.json"

    @property
    def logs(self) -> Path:
        """What engines and services log."""
        return self.home / "logs"

    def client(self) -> httpx.AsyncClient:
        """Speaks to every service under the gateway's paths."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._route), base_url="http://peercafe")

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, _, rest = scope["path"].removeprefix("/api/").partition("/")
        await self.apps[service](
            {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}, receive, send
        )


@contextmanager
def _watched(stage: Stage) -> Iterator[None]:
    """The buses are noted as they start, and the switchboard looks for what is due as soon as the clock has moved.

    How often it looks isn't tested here. Keep-alives go by `stage.idle`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runners, "NOTICES_LOOK_SECONDS", 0.05)
        patch.setattr(runners, "LOOK_SECONDS", 0.1)
        patch.setattr(keep_alives, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + stage.idle))
        start = Bus.start

        async def noted(bus: Bus) -> None:
            stage.buses.append(bus)
            await start(bus)

        patch.setattr(Bus, "start", noted)
        yield


@asynccontextmanager
async def staged(clock: SettableClock) -> AsyncIterator[Stage]:
    """Everything started, and everything stopped and removed at the end."""
    async with AsyncExitStack() as ends:
        home = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="peercafe-unlinkability-")))
        home.chmod(0o755)  # noqa: ASYNC240 - the clusters run as a user of their own where this process is root
        stage = Stage(home, clock, secrets={service: secrets.token_urlsafe(32) for service in SERVICES})
        await _start_engines(stage, ends)
        make_key_file(stage.keys_file)
        log = ends.enter_context((stage.logs / "services.log").open("w"))
        ends.enter_context(logging_as("unlinkability", log))
        ends.enter_context(_watched(stage))
        for service in SERVICES:
            lifespan = Lifespan(service, _app(stage, service))
            stage.apps[service] = lifespan.app
            await lifespan.start()
            ends.push_async_callback(lifespan.stop)
        yield stage


async def _start_engines(stage: Stage, ends: AsyncExitStack) -> None:
    register = Register(stage.home / "processes.json")
    watching = guard.watch(stage.home, register)
    ends.callback(watching.wait, 120)
    ends.callback(lambda: watching.stdin and watching.stdin.close())
    redis = Redis(
        home=stage.home, register=register, users=dict.fromkeys(SERVICES, PASSWORD), password=PASSWORD
    )
    kafka = Kafka(home=stage.home, register=register, jars=jars.fetch())

    async def run(start: Callable[[], Any], stop: Callable[[], Any]) -> None:
        ends.push_async_callback(asyncio.to_thread, stop)
        await asyncio.to_thread(start)

    async def cluster(service: str) -> None:
        postgres = Postgres(service, home=stage.home, register=register, password=PASSWORD, durable=False)
        await run(postgres.start, postgres.stop)
        stage.owned[service] = (await asyncio.to_thread(postgres.set_up, service, PASSWORD)).sqlalchemy
        stage.databases[service] = postgres.superuser(service).plain

    async def topics() -> None:
        await run(kafka.start, kafka.stop)
        stage.kafka = KafkaSettings(bootstrap_servers=kafka.bootstrap)
        await apply(stage.kafka, CATALOGUE)
        await _keep_facts(stage.kafka)

    await asyncio.gather(topics(), run(redis.start, redis.stop), *map(cluster, SERVICES))
    stage.redis_url = redis.url()
    for service, dsn in stage.owned.items():  # one at a time: alembic keeps its context in a module
        await migrate(dsn, service)


async def _keep_facts(kafka: KafkaSettings) -> None:
    admin = make_admin(kafka, "unlinkability")
    await admin.start()
    await admin.alter_configs(
        [
            ConfigResource(
                ConfigResourceType.TOPIC,
                topic.name,
                topic.config | {"retention.ms": "-1", "segment.ms": NEVER},
            )
            for topic in CATALOGUE
            if topic.kind is Kind.FACTS
        ]
    )
    await admin.close()


def _app(stage: Stage, service: str) -> ASGIApp:
    given: dict[str, Any] = {
        "region_file": REGION,
        "database_url": stage.owned[service],
        "redis_url": stage.redis_url.replace("peercafe:", f"{service}:"),
        "kafka": stage.kafka,
        "identity_url": "http://peercafe/api/identity",
        "secret": stage.secrets[service],
    }
    if service == "identity":
        given |= QUICK | {"keys_file": stage.keys_file}
    if service == "events":
        given |= {"tidy_every_seconds": 0.1}  # what a night does, as soon as the clock has passed it
    settings = importlib.import_module(f"services.{service}.settings").Settings(**given)
    create = importlib.import_module(f"services.{service}.app").create_app
    if service == "identity":
        app: ASGIApp = create(settings)
        return app

    async def public_keys() -> Any:
        async with stage.client() as client:
            return (await client.get("/api/identity/jwks.json")).json()

    other: ASGIApp = create(settings, public_keys)
    return other
