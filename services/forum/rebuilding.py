"""Fills the forum's tables from the topics anew, own and mirrored (DESIGN §4): everything a page shows comes from there.

Nobody may be served and nothing else consumed meanwhile. The topics have to be those that the database knows: after a
restore, or with a new Kafka, they lack what is ours alone, until a start has sent it (shared/bus/read_back.py). What a row is to this region alone stays: when it came, that
it was announced. So does an erased row, which has nothing to fill, and what still waits in the outbox.
"""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from collections.abc import Callable

from aiokafka.errors import UnknownTopicOrPartitionError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.queries.fragments import opens
from services.forum.replicas.tables import TABLES
from shared.bus.agreement import agreed_with, cluster_of
from shared.bus.batches import Consumer
from shared.bus.broker import BATCH
from shared.bus.reader import reading
from shared.bus.reading import Raw
from shared.settings import KafkaSettings

Tell = Callable[[str, int, int], None]
"""A topic, how many of its records are done, and how many there are (those that compaction took away included)."""

UNTOLD = -1  # below every version

HAS_ROWS = text("SELECT " + " OR ".join(f"EXISTS (SELECT FROM {table.name})" for table in TABLES.values()))

# A table of a million rows takes longer than requests may.
PATIENCE = text("SET LOCAL transaction_timeout = 0")

FORGET = [
    text(
        f"UPDATE {table.name} t SET version = {UNTOLD}, read_back = NULL WHERE NOT erased"
        " AND NOT EXISTS (SELECT FROM outbox o WHERE o.topic = :topic AND o.key = t.id::text)"
    ).bindparams(topic=table.topic.name)
    for table in TABLES.values()
]
DROP = [text(f"DELETE FROM {table.name} WHERE version = {UNTOLD}") for table in TABLES.values()]
RECOUNT = (  # rules.counting
    text("DELETE FROM thread_activity"),
    text(
        "INSERT INTO thread_activity (thread_id, replies, last_written, first_writer, answered)"
        " SELECT thread_id, count(*) FILTER (WHERE counted), max(written),"
        f" (array_agg(author_id ORDER BY written, id) FILTER (WHERE {opens('p')} OR counted))[1],"
        f" count(DISTINCT author_id) FILTER (WHERE {opens('p')} OR counted) > 1"
        " FROM posts p GROUP BY thread_id"
    ),
)


class TopicsIncomplete(Exception):
    """They may lack what the database has: nothing was changed."""


async def rebuild(
    consumer: Consumer,
    sessions: async_sessionmaker[AsyncSession],
    kafka: KafkaSettings,
    begins: Callable[[], object],
    tell: Tell,
) -> int:
    """Fill all tables of the shared forum anew; returns how many rows no topic knows of, which are gone.

    `consumer` is the one of the shared topics. `begins` is called before anything is changed; interrupted after that, it is
    begun anew. Raises TopicsIncomplete, KafkaError.
    """
    await _refuse_unless_complete(consumer, sessions, kafka)
    begins()
    async with sessions() as session, session.begin():
        for statement in (PATIENCE, *FORGET):
            await session.execute(statement)
    for name in consumer.sources:
        await _take(consumer, name, kafka, tell)
    dropped = 0
    async with sessions() as session, session.begin():
        await session.execute(PATIENCE)
        for statement in DROP:
            dropped += (await session.execute(statement)).rowcount  # type: ignore[attr-defined]
        for statement in RECOUNT:
            await session.execute(statement)
    return dropped


async def _refuse_unless_complete(
    consumer: Consumer, sessions: async_sessionmaker[AsyncSession], kafka: KafkaSettings
) -> None:
    async with sessions() as session:
        known = await agreed_with(session)
        is_new = known is None and not await session.scalar(HAS_ROWS)  # lost: all there is are the topics
    if not is_new and known != await cluster_of(kafka):
        raise TopicsIncomplete("the forum's database and its Kafka haven't been compared")
    for name, source in consumer.sources.items():
        if source.origin is None:
            async with reading(kafka) as reader:
                try:
                    await reader.size(name)
                except UnknownTopicOrPartitionError:
                    raise TopicsIncomplete(f"there is no topic {name}") from None


async def _take(consumer: Consumer, name: str, kafka: KafkaSettings, tell: Tell) -> None:
    async with reading(kafka) as reader:
        try:
            total, done, batch = await reader.size(name), 0, list[Raw]()
            async for record in reader.records(name):
                batch.append(record)
                if len(batch) == BATCH:
                    await consumer.store(batch)
                    done, batch = done + len(batch), []
                    tell(name, done, total)
            await consumer.store(batch)
            tell(name, total, total)
        except UnknownTopicOrPartitionError:
            if consumer.sources[name].origin is None:
                raise
            return  # a neighbour's that isn't there any more
