"""Read-back: makes a service's database and its topics agree again, once one of them was lost (DESIGN §3).

After a restore Kafka is newer than the database: what the topics know beyond it is taken, by version. Where Kafka was
lost the database is newer: what the topics lack is sent again. Which of the two it is doesn't matter here: both ways are
always gone, and going twice changes nothing. Facts have no last word to read; what of them is lost is in decision 8.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.agreement import (
    RESTORED,
    agreed_with,
    cluster_of,
    hold_alone,
    is_restored,
    note_agreement,
    wait_for_cluster,
)
from shared.bus.broker import BATCH
from shared.bus.bus import Bus
from shared.bus.reader import reading
from shared.bus.reading import Raw, Source, read_all
from shared.bus.records import Received
from shared.bus.state import Apply, highest_versions
from shared.contracts.payloads.payload import Payload, State
from shared.contracts.topics import Kind, Topic
from shared.outbox import add as outbox
from shared.telemetry import notices

# Rows that wait, or went out within the day, may be older than what the topic has: what it lacks is compared anew.
WAITING = text("DELETE FROM outbox WHERE topic = :topic")
SENT = text("DELETE FROM outbox_sent WHERE topic = :topic")

WAIT_FOR_ANOTHER = 0.5  # seconds between two looks whether another process has read back

HISTORY_LOST = (
    "this database comes from a backup, and Kafka is another one than then: "
    "whoever left or was closed since the backup is back (docs/backups.md)"
)

PEOPLE_ARE_BACK = (
    "The databases come from a backup and Kafka is another one than then: whoever left or was closed since that backup "
    "is back, and nothing here knows who. docs/backups.md says what to do before people come back in."
)

Page = Callable[[AsyncSession, Any, int], Awaitable[Sequence[State]]]
"""About so many of a topic's states as the database has them, by id, after the given one (None: from the first)."""


class ReadBack:
    """One read-back of one service. `restored`: the database comes from a backup, so it may lack what topics know."""

    def __init__(self, bus: Bus, *, restored: bool) -> None:
        self.restored = restored
        self.sessions = bus.sessions
        self._bus = bus
        self._last: dict[str, dict[str, int]] = {}  # topic → key → version of the last record

    async def take(self, topic: Topic, apply: Apply[Any]) -> None:
        """Give `apply` all records of an own topic, in batches with the highest version of each key.

        `apply` runs in a transaction for each batch and takes what is newer than its rows.
        """

        async def store(records: list[Raw]) -> None:
            received, _refused = read_all(records, sources)
            if received:
                async with self.sessions() as session, session.begin():
                    await apply(session, highest_versions(received))

        sources = {topic.name: Source(topic, None)}
        await self._read(sources, store)

    async def take_heard(self) -> None:
        """Hand all states that this service's consumers hear of to their own handlers, from the topics' beginning.

        Their committed offsets stay: all that stands before them is handled here, and twice does no harm.
        """
        for consumer in self._bus.consumers.values():
            if all(source.topic.kind is Kind.STATE for source in consumer.sources.values()):
                await self._read(consumer.sources, consumer.store)

    async def send_again(self, topic: Topic, page: Page) -> int:
        """Put every state into the outbox whose version isn't the topic's last word; returns how many.

        To be called when all records of the topic were taken.
        """
        last = self._last.get(topic.name, {})
        after: Any = None
        again = 0
        async with self.sessions() as session, session.begin():
            await session.execute(WAITING, {"topic": topic.name})
            await session.execute(SENT, {"topic": topic.name})
        while True:
            async with self.sessions() as session, session.begin():
                states = await page(session, after, BATCH)
                missing: list[tuple[str | UUID, Payload]] = [
                    (state.id, state) for state in states if last.get(str(state.id)) != state.version
                ]
                await outbox.add_all(session, topic, missing)
            if not states:
                return again
            again += len(missing)
            after = states[-1].id

    async def _read(
        self, sources: Mapping[str, Source], store: Callable[[list[Raw]], Awaitable[Any]]
    ) -> None:
        for name, source in sources.items():
            # A reader each: what is asked on a connection waits for half a second behind a fetch that finds nothing.
            async with reading(self._bus.settings.kafka) as reader:
                try:
                    async for batch in _in_batches(reader.records(name)):
                        self._note(source, batch)
                        await store(batch)
                except UnknownTopicOrPartitionError:
                    continue  # a study's or a neighbour's that isn't there (any more)

    def _note(self, source: Source, batch: Iterable[Raw]) -> None:
        if source.origin is None and source.topic.publisher == self._bus.service:
            known = self._last.setdefault(source.topic.name, {})
            received: list[Received[Any]] = read_all(batch, {source.name: source})[0]
            known.update({record.key: record.payload.version for record in received})


Steps = Callable[[ReadBack], Awaitable[None]]


async def read_back(bus: Bus, steps: Steps) -> None:
    """Bring database and topics to agree, where they may not: to be awaited before the relay runs or anything is answered.

    That is where the database was restored, and where Kafka is another cluster than the one it last agreed with. A
    restored database isn't served from before that is done: it waits for Kafka, and a process without consumers waits
    for one that has them. Raises KafkaError or what `steps` raises; the next start then begins anew.
    """
    settings = bus.settings
    log = structlog.get_logger().bind(service=bus.service)
    known = await _agreed_with(bus)
    if not settings.consumers:
        while is_restored(known):
            await asyncio.sleep(WAIT_FOR_ANOTHER)
            known = await _agreed_with(bus)
        return
    restored = is_restored(known)
    if restored:
        cluster = await wait_for_cluster(settings.kafka)
    else:
        try:
            cluster = await cluster_of(settings.kafka)
        except (KafkaError, OSError):
            return  # Kafka is away; that it is another one will be seen at the next start
    if known == cluster and not restored:
        return
    alone = await hold_alone(settings.database_url.get_secret_value())
    try:
        if await _agreed_with(bus) == cluster:
            return  # another process was quicker
        if known is not None:
            log.warning("database and topics are compared")
            if restored and known.lstrip(RESTORED) not in ("", cluster):
                log.error(HISTORY_LOST)
                notices.tell(PEOPLE_ARE_BACK)
            await steps(ReadBack(bus, restored=restored))
            log.warning("database and topics agree")
        async with bus.sessions() as session, session.begin():
            await note_agreement(session, cluster)
    finally:
        await alone.close()


async def _agreed_with(bus: Bus) -> str | None:
    async with bus.sessions() as session:
        return await agreed_with(session)


async def _in_batches(records: AsyncIterator[Raw]) -> AsyncIterator[list[Raw]]:
    batch: list[Raw] = []
    async for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def rows_of(entity: Any, record: Callable[[Any], State], *only: Any) -> Page:
    """The page of a table that SQLAlchemy maps: `entity` rows by `id`, restricted to `only`, told by `record`."""
    return partial(_rows_of, entity, record, only)


async def _rows_of(
    entity: Any,
    record: Callable[[Any], State],
    only: Sequence[Any],
    session: AsyncSession,
    after: Any,
    limit: int,
) -> Sequence[State]:
    chosen = select(entity).where(*only).order_by(entity.id).limit(limit)
    if after is not None:
        chosen = chosen.where(entity.id > after)
    return [record(row) for row in await session.scalars(chosen)]
