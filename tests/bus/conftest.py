"""One service with nothing but its bookkeeping and a table of notes, on topics of its own."""

import asyncio
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.kafka.topics import apply
from shared import clock
from shared.bus.broker import make_admin, make_broker, make_producer
from shared.bus.bus import Bus
from shared.bus.dead_letters import Waiting, waiting
from shared.bus.reader import reading
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.forum import ThreadOpened
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import Kind, Topic
from shared.database import bookkeeping
from shared.database.engine import make_engine, make_sessions
from shared.settings import KafkaSettings, ServiceSettings
from tests.engines import Engines

NOTES = """CREATE TABLE notes (key text, body text, version bigint, event_id uuid)"""

NEVER = "it never came: "  # before what `eventually` waited for


async def eventually(holds: Callable[[], Awaitable[bool] | bool], *, within: float = 60.0) -> None:
    """Wait until `holds`, looking again and again, at most that many seconds; TimeoutError then says what never did."""
    try:
        async with asyncio.timeout(within) as limit:
            while True:
                answer = holds()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TimeoutError(f"{NEVER}{written(holds)}") from error


def written(holds: Callable[[], object]) -> str:
    """As it stands in the test."""
    if isinstance(holds, partial):
        return f"{holds.func.__qualname__}{holds.args}"
    return inspect.getsource(holds).strip()


def thread_opened(title: str = "Hello", version: int = 1, id_: UUID | None = None) -> ThreadOpened:
    """A thread that is valid as a payload."""
    return ThreadOpened(
        id=id_ or uuid4(),
        home="north",
        version=version,
        nonce="0" * 32,
        author_id=uuid4(),
        author_nonce="0" * 32,
        title=title,
        wish=None,
    )


class Service:
    """A service under test: its database, its topics, and a hand to put records on them."""

    def __init__(self, settings: ServiceSettings, producer: AIOKafkaProducer, name: str) -> None:
        self.settings = settings
        self.kafka = settings.kafka
        self.name = name
        self.engine = make_engine(settings.database_url.get_secret_value(), pool=4)
        self.sessions = make_sessions(self.engine)
        self._producer = producer
        mark = secrets.token_hex(4)
        self.mark = mark
        self.facts = Topic(
            f"local.test.facts-{mark}.v1", Kind.FACTS, (NoticeAddressed,), "forum", partitions=2
        )
        self.states = Topic(
            f"shared.test.states-{mark}.v1", Kind.STATE, (ThreadOpened,), "forum", partitions=2, text=True
        )

    def group(self, name: str) -> str:
        """A consumer group nobody else uses."""
        return f"{name}-{self.mark}"

    def bus(self, instance: str = "0", **options: Any) -> Bus:
        """A bus that isn't started; `running` does that."""
        settings = self.settings.model_copy(update={"instance": instance})
        broker = make_broker(self.kafka, f"test-{self.name}")
        return Bus(broker, self.sessions, self.name, settings, **options)

    async def put(
        self,
        topic: str,
        payload: Payload | None = None,
        *,
        key: bytes | None = b"a",
        event_id: UUID | None = None,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
        value: bytes | None = None,
        partition: int = 0,
    ) -> ConsumerRecord:
        """Put one record on a topic as anybody with a Kafka client could."""
        if headers is None:
            type_ = payload.type if payload else "peercafe.unheard.of.v9"
            headers = list(Envelope(event_id or uuid4(), type_, "peercafe/test", clock.now()).headers())
        body = payload.model_dump_json().encode() if payload else value
        return await self._producer.send_and_wait(
            topic, body, key=key, headers=list(headers), partition=partition
        )

    async def fetch(self, sql: str, **parameters: object) -> list[Any]:
        """Rows of a query."""
        async with self.sessions() as session:
            return list((await session.execute(text(sql), parameters)).all())

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """What a group has acknowledged, where that is anything."""
        admin = make_admin(self.kafka, "test")
        await admin.start()
        try:
            known = await admin.list_consumer_group_offsets(group)
            return {place: found.offset for place, found in known.items() if found.offset > 0}
        finally:
            await admin.close()

    async def has(self, sql: str, **parameters: object) -> bool:
        """Whether a query has rows."""
        return bool(await self.fetch(sql, **parameters))

    async def execute(self, sql: str, **parameters: object) -> None:
        """Run and commit one statement."""
        async with self.sessions() as session, session.begin():
            await session.execute(text(sql), parameters)

    async def dead_letters(self) -> list[Waiting]:
        """Dead letters of this service's own topics."""
        return [one for one in await waiting(self.kafka, self.name) if self.mark in one.letter.topic]

    async def has_dead_letters(self, count: int) -> bool:
        """Whether there are that many."""
        return len(await self.dead_letters()) == count

    async def records(self, topic: str) -> list[ConsumerRecord]:
        """All records that a topic holds now."""
        async with reading(self.kafka) as reader:
            return [record async for record in reader.records(topic)]


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    """The bus started, and stopped at the end."""
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def note_down(session: AsyncSession, received: list[Any]) -> None:
    """An `apply` that writes what it gets into `notes`."""
    await session.execute(
        text("INSERT INTO notes VALUES (:key, :body, :version, :event_id)"),
        [
            {
                "key": record.key,
                "body": record.body.decode(),
                "version": getattr(record.payload, "version", None),
                "event_id": record.event_id,
            }
            for record in received
        ],
    )


@pytest.fixture
async def service(engines: Engines, tmp_path: Path) -> AsyncIterator[Service]:
    """A service named forum on an empty database with the bookkeeping tables."""
    await engines.topics_applied()
    dsn = await engines.database("forum", migrated=False)
    connection = await asyncpg.connect(engines.plain(dsn))
    try:
        for statement in (*bookkeeping.STATEMENTS, NOTES):
            await connection.execute(statement)
    finally:
        await connection.close()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    settings = ServiceSettings(
        region_file=tmp_path / "region.toml",
        database_url=SecretStr(dsn),
        redis_url=SecretStr(engines.redis_url("forum")),
        redis_prefix="forum:",
        kafka=kafka,
        identity_url="http://identity.invalid",
        secret=SecretStr("for tests only, thirty-two bytes long"),
    )
    producer = make_producer(kafka, "test")
    await producer.start()
    made = Service(settings, producer, "forum")
    await apply(kafka, [made.facts, made.states])
    try:
        yield made
    finally:
        await producer.stop()
        await made.engine.dispose()
