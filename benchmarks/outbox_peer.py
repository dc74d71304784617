"""faststream-outbox as its documentation tunes it, relaying the same rows to the same Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaResponse
from faststream_outbox import OutboxBroker, OutboxMessage, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.outbox_rows import BYTES, KEYS
from benchmarks.service import AS_THE_RELAY, Service
from shared.bus.broker import LARGEST_BATCH_BYTES
from shared.contracts.topics import Topic

WORKERS, BATCH = 4, 500
TABLE, QUEUE = "peer_outbox", "rows"
WAKE_SECONDS = 0.02

# The key stands among the headers: rows of this library have none of their own.
FILL = f"""INSERT INTO {TABLE} (queue, payload, headers, next_attempt_at, created_at)
    SELECT '{QUEUE}', convert_to(repeat('x', $1), 'UTF8'), jsonb_build_object(
        'content-type', 'application/octet-stream', 'correlation_id', gen_random_uuid(), 'key', 'key-' || (n % $2),
        'ce_specversion', '1.0', 'ce_id', gen_random_uuid(), 'ce_type', $3::text, 'ce_source', 'peercafe/forum',
        'ce_time', '2026-11-01T00:00:00.000+00:00'), now(), now()
    FROM generate_series(1, $4) n"""  # noqa: S608 - constant names


async def whole(message: OutboxMessage) -> OutboxMessage:
    """A decoder that hands the handler the message itself: it needs the headers."""
    return message


class Peer:
    """Its table beside our outbox, in the same database."""

    def __init__(self, service: Service, engine: AsyncEngine) -> None:
        self._service = service
        self._engine = engine

    async def rows_a_second(self, topic: Topic, rows: int) -> float:
        """From its start to an empty table."""
        async with self._service.connected() as connection:
            await connection.execute(f"TRUNCATE {TABLE}")
            await connection.execute(FILL, BYTES, KEYS, topic.payloads[0].type, rows, timeout=300)
            await connection.execute(f"ANALYZE {TABLE}")
            started = time.perf_counter()
            kafka, outbox = self._brokers(topic)
            await kafka.start()
            await outbox.start()
            try:
                while await connection.fetchval(f"SELECT EXISTS (SELECT FROM {TABLE})"):  # noqa: S608
                    await asyncio.sleep(WAKE_SECONDS)
                return rows / (time.perf_counter() - started)
            finally:
                await outbox.stop()
                await kafka.stop()

    def _brokers(self, topic: Topic) -> tuple[KafkaBroker, OutboxBroker]:
        kafka = KafkaBroker(
            self._service.settings.kafka.bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=LARGEST_BATCH_BYTES,
            logger=None,
            apply_types=False,
        )
        outbox = OutboxBroker(
            self._engine, outbox_table=make_outbox_table(MetaData(), TABLE), logger=None, apply_types=False
        )

        @kafka.publisher(topic.name)
        @outbox.subscriber(
            QUEUE,
            max_workers=WORKERS,
            fetch_batch_size=BATCH,
            terminal_flush_batch_size=BATCH,
            min_fetch_interval=WAKE_SECONDS,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            decoder=whole,
        )
        async def relay(message: OutboxMessage) -> KafkaResponse:
            headers = dict(message.headers)
            return KafkaResponse(message.body, key=headers.pop("key").encode(), headers=headers)

        return kafka, outbox


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Peer]:
    """The peer with a table of its own."""
    engine = create_async_engine(
        service.settings.database_url.get_secret_value(),
        pool_size=WORKERS + 3,
        connect_args={"server_settings": AS_THE_RELAY},
    )
    metadata = MetaData()
    make_outbox_table(metadata, TABLE)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        yield Peer(service, engine)
    finally:
        await engine.dispose()
