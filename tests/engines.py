"""Real engines for tests: PostgreSQL, Redis and Kafka, started when first asked for and ended with the test session.

How to use them (fixtures in tests/conftest.py):

    async def test_a_post_is_kept(engines: Engines) -> None:
        dsn = await engines.database("forum")       # a fresh database, migrated to the newest revision, yours alone
        redis = engines.redis_url("forum")          # the forum's own Redis user: only keys and channels `forum:*`
        await engines.topics_applied()              # Kafka has every topic of the catalogue
        bootstrap = engines.kafka                   # "127.0.0.1:…"; use a fresh consumer group in each test
        await engines.fresh_kafka_topics()          # deletes all topics and makes the catalogue's anew (about 1 s)

- What isn't asked for isn't started: a test of PostgreSQL alone waits one second, not for Kafka.
- All databases live in one cluster here; a region has one cluster for each service. A test that needs that, or the
  whole of Peercafe behind its gateway, takes the `region` fixture: `.url`, `.data`, `.engines` (what
  `peercafe engines` prints), shared by the whole session.
- `engines.plain(dsn)` turns a DSN into one for asyncpg and psql; `await engines.superuser()` gives the cluster's own.
- `ENGINES=docker` or `ENGINES=embedded` forces where they run; else Docker is used where an engine answers and
  has or can pull the images. The header of the test run says which. Nothing is ever skipped for want of an engine: it fails.
"""

import asyncio
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

SERVICES = ("identity", "forum", "events", "notifications", "analytics")
PASSWORD = "for-tests"
POSTGRES_IMAGE, REDIS_IMAGE, KAFKA_IMAGE = "postgres:18-alpine", "redis:8-alpine", "apache/kafka:4.3.0"
PULL_S = 300  # for all images together; an engine that can't reach its registry may hang instead of saying so


class Backend(Protocol):
    """Where the engines run. Each method starts its engine at the first call."""

    def postgres(self) -> str:
        """Plain DSN of the superuser."""

    def redis(self) -> str:
        """URL of a user who may do everything."""

    def kafka(self) -> str:
        """`host:port`."""

    def close(self) -> None:
        """End what was started."""


class Embedded:
    """The engines of `make run`; unless `durable`, PostgreSQL doesn't wait for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        from deploy.embedded import guard
        from deploy.embedded.processes import Register

        self.durable = durable
        self.home = Path(tempfile.mkdtemp(prefix="peercafe-tests-"))
        self.register = Register(self.home / "processes.json")
        self.guard = guard.watch(self.home, self.register)
        self.started: list[Any] = []

    def postgres(self) -> str:
        from deploy.embedded.postgres import Postgres

        # Measured is a cluster as the forum has it: others keep their write-ahead logs short, at a price.
        name = "forum" if self.durable else "tests"
        cluster = Postgres(
            name, home=self.home, register=self.register, password=PASSWORD, durable=self.durable
        )
        self.started.append(cluster)
        cluster.start()
        return cluster.superuser().plain

    def redis(self) -> str:
        from deploy.embedded.redis import Redis

        redis = Redis(home=self.home, register=self.register, users={}, password=PASSWORD)
        self.started.append(redis)
        redis.start()
        return redis.url()

    def kafka(self) -> str:
        from deploy.embedded import jars
        from deploy.embedded.kafka import Kafka

        kafka = Kafka(home=self.home, register=self.register, jars=jars.fetch())
        self.started.append(kafka)
        kafka.start()
        return kafka.bootstrap

    def close(self) -> None:
        for engine in reversed(self.started):
            engine.stop()
        if self.guard.stdin:
            self.guard.stdin.close()
        self.guard.wait(120)  # until all it watches has ended


class Docker:
    """The images that deployments use."""

    def __init__(self) -> None:
        self.started: list[Any] = []

    def _start(self, container: Any) -> Any:
        self.started.append(container)
        return container.start()

    def postgres(self) -> str:
        from testcontainers.community.postgres import PostgresContainer

        container = PostgresContainer(POSTGRES_IMAGE, username="postgres", password=PASSWORD, driver=None)
        return str(self._start(container).get_connection_url())

    def redis(self) -> str:
        from testcontainers.community.redis import RedisContainer

        from deploy.embedded.redis import EVICTION

        container = self._start(
            RedisContainer(REDIS_IMAGE).with_command(f"redis-server --maxmemory-policy {EVICTION}")
        )
        return f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"

    def kafka(self) -> str:
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        from deploy.embedded.ports import free_port

        port = free_port()
        settings = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_SOCKET_REQUEST_MAX_BYTES": "25165824",
            "KAFKA_QUEUED_MAX_REQUEST_BYTES": "50331648",
        }
        container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
        for name, value in settings.items():
            container.with_env(name, value)
        container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(90))
        self._start(container)
        return f"127.0.0.1:{port}"

    def close(self) -> None:
        for container in reversed(self.started):
            container.stop()


@cache
def chosen() -> tuple[str, str]:
    """Which backend, and why: `ENGINES`, else Docker where an engine answers and has the images, else embedded."""
    forced = os.environ.get("ENGINES", "")
    if forced:
        if forced not in ("docker", "embedded"):
            raise ValueError(f"ENGINES is {forced!r}; it can be docker or embedded.")
        return forced, "as ENGINES says"
    if not _docker("info", seconds=10):
        return "embedded", "no Docker engine answers"
    from testcontainers.core.config import testcontainers_config as settings

    until = time.monotonic() + PULL_S
    needed = [POSTGRES_IMAGE, REDIS_IMAGE, KAFKA_IMAGE]
    for image in needed if settings.ryuk_disabled else [settings.ryuk_image, *needed]:
        here = _docker("image", "inspect", image, seconds=10)
        if not here and not _docker("pull", "--quiet", image, seconds=until - time.monotonic()):
            return "embedded", f"a Docker engine answers, but has no {image} and can't pull it"
    return "docker", "a Docker engine answers and has the images"


def _docker(*command: str, seconds: float) -> bool:
    with suppress(OSError, subprocess.TimeoutExpired):
        return not subprocess.run(
            ["docker", *command], capture_output=True, timeout=max(seconds, 1), check=False
        ).returncode
    return False


class Engines:
    """See the module's docstring."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._templates: dict[str, asyncio.Task[None] | bool] = {}
        self._topics_applied = False

    @cached_property
    def _postgres(self) -> str:
        return self.backend.postgres()

    @cached_property
    def _redis(self) -> str:
        return self.backend.redis()

    @cached_property
    def kafka(self) -> str:
        """Kafka's `host:port`; it has no topics until `topics_applied`."""
        return self.backend.kafka()

    def redis_url(self, service: str | None = None) -> str:
        """URL of a service's own Redis user, or of one who may do everything."""
        if service is None:
            return self._redis
        from redis import Redis

        from deploy.embedded.redis import COMMANDS

        with closing(Redis.from_url(self._redis)) as client:
            rules = [
                "reset",
                "on",
                f">{PASSWORD}",
                "resetchannels",
                f"~{service}:*",
                f"&{service}:*",
                *COMMANDS,
            ]
            client.execute_command("ACL", "SETUSER", service, *rules)  # type: ignore[no-untyped-call]
        host = self._redis.rpartition("@")[2].removeprefix("redis://")
        return f"redis://{service}:{PASSWORD}@{host}"

    @staticmethod
    def plain(dsn: str) -> str:
        """The DSN without SQLAlchemy's driver name."""
        return dsn.replace("postgresql+asyncpg://", "postgresql://", 1)

    async def superuser(self, database: str = "postgres") -> str:
        """Plain DSN of the cluster's superuser."""
        dsn = await asyncio.to_thread(lambda: self._postgres)
        return f"{dsn.rpartition('/')[0]}/{database}"

    async def database(self, service: str, *, migrated: bool = True) -> str:
        """SQLAlchemy DSN of a fresh database owned by the service's own role.

        `migrated=False` gives an empty one (for tests of migrations).
        """
        template = "template0"
        if migrated:
            template = f"template_{service}"
            if not self._templates.get(service):
                from shared.database.migrations import migrate

                await migrate(await self._create(service, template, "template0"), service)
                self._templates[service] = True
        return await self._create(service, f"{service}_{secrets.token_hex(6)}", template)

    async def topics_applied(self) -> None:
        """Make the catalogue's topics, unless that was done before."""
        if not self._topics_applied:
            from deploy.kafka.topics import apply
            from shared.contracts.topics import CATALOGUE
            from shared.settings import KafkaSettings

            bootstrap = await asyncio.to_thread(lambda: self.kafka)
            await apply(KafkaSettings(bootstrap_servers=bootstrap), CATALOGUE)
            self._topics_applied = True

    async def fresh_kafka_topics(self) -> None:
        """Delete every topic and make the catalogue's anew."""
        from aiokafka.admin import AIOKafkaAdminClient

        bootstrap = await asyncio.to_thread(lambda: self.kafka)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            while names := [name for name in await admin.list_topics() if not name.startswith("__")]:
                await admin.delete_topics(names)
                await asyncio.sleep(0.05)
        finally:
            await admin.close()
        self._topics_applied = False
        await self.topics_applied()

    async def _create(self, role: str, database: str, template: str) -> str:
        import asyncpg

        superuser = await self.superuser()
        connection = await asyncpg.connect(superuser)
        try:
            with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
            # Copied as files: a quarter of the time that the default takes, which writes each page to the log.
            await connection.execute(
                f"CREATE DATABASE {database} OWNER {role} TEMPLATE {template} STRATEGY file_copy"
            )
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        finally:
            await connection.close()
        host = superuser.rpartition("@")[2].partition("/")[0]
        return f"postgresql+asyncpg://{role}:{PASSWORD}@{host}/{database}"


@contextmanager
def running_engines(*, durable: bool = False) -> Iterator[Engines]:
    """Engines for as long as the block lasts; none is started before it is asked for.

    `durable`: PostgreSQL waits for the disk as it does in a region (Docker's always does).
    """
    which, _why = chosen()
    backend: Backend = Docker() if which == "docker" else Embedded(durable=durable)
    try:
        yield Engines(backend)
    finally:
        backend.close()
