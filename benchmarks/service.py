"""What the lines without HTTP stand on: a service's settings, its database, topics of a measurement's own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from deploy.kafka.topics import apply
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import Kind, Topic
from shared.settings import KafkaSettings, ServiceSettings
from tests.engines import Engines

NAME = "forum"
PARTITIONS = 4

AS_THE_RELAY = {"synchronous_commit": "off"}  # its session waits for no disk (decision 12), so no peer's does


@dataclass(frozen=True)
class Service:
    """A service as far as outbox, relay and consumers go. `dsn` is plain."""

    dsn: str
    settings: ServiceSettings

    @asynccontextmanager
    async def connected(self, **settings: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the peer's own; `settings` of its session."""
        connection = await asyncpg.connect(self.dsn, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close()

    async def topic(self, kind: Kind, payload: type[Payload]) -> Topic:
        """A new topic: nothing is compacted or deleted while it is measured, and no other line's records are in it."""
        name = f"local.benchmark.{secrets.token_hex(4)}.v1"
        topic = Topic(name, kind, (payload,), NAME, partitions=PARTITIONS)
        await apply(self.settings.kafka, [topic])
        return topic


async def service_on(engines: Engines) -> Service:
    """A service with a fresh database."""
    await engines.topics_applied()
    dsn = await engines.database(NAME)
    settings = ServiceSettings(
        region_file=Path("unused.toml"),
        database_url=SecretStr(dsn),
        redis_url=SecretStr(engines.redis_url(NAME)),
        redis_prefix=f"{NAME}:",
        kafka=KafkaSettings(bootstrap_servers=engines.kafka),
        identity_url="http://127.0.0.1:1",
        secret=SecretStr(secrets.token_hex(32)),
    )
    return Service(engines.plain(dsn), settings)
