"""Publishes a service's outbox: unpublished rows in order, as soon as they are committed (DESIGN §3).

Commit order isn't the order of numbers, so a cursor lives only for as long as batches are full: after the first
that isn't, reading begins at the lowest row again. One relay per service: the advisory lock is
held by the connection that reads and deletes, so whoever loses the lock can delete nothing any more.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from shared import clock
from shared.contracts.topics import CATALOGUE, WhenSent
from shared.due import back_off
from shared.outbox.keep_alives import KeepAlives
from shared.outbox.publisher import Partition, Publisher, Row
from shared.outbox.wakes import Wakes
from shared.settings import ServiceSettings
from shared.telemetry.logging import describe

LOCK = 0x70656572_72656C79  # any constant: each service has a database of its own
BATCH = 500
SHORTEST_POLL, LONGEST_POLL = 0.02, 1.0
RETRY_LOCK = 1.0
# Settling costs as much as reading, and rows that are committed meanwhile would wait for it. Many are settled at once: each
# reading passes over them, and they would go out again if this relay ended.
FEW = 32
SETTLE_AFTER_QUIET, SETTLE_AT_LATEST = 0.01, 0.05
FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.1, 10.0
DELETED_WHEN_SENT = [topic.name for topic in CATALOGUE if topic.when_sent is WhenSent.DELETE]

READ = """SELECT seq, event_id, topic, key, type, occurred_at, payload
    FROM outbox WHERE seq > $1 AND seq <> ALL($3::bigint[]) ORDER BY seq LIMIT $2"""
SETTLE = """WITH sent AS (DELETE FROM outbox WHERE seq = ANY($1::bigint[]) RETURNING *)
    INSERT INTO outbox_sent (event_id, topic, key, type, occurred_at, payload, position, sent_on)
    SELECT event_id, topic, key, type, occurred_at, payload, seq, $2::date FROM sent
    WHERE topic <> ALL($3::text[])"""
STILL_HELD = "SELECT 1"  # an answer on the connection says it: the lock lives as long as its session
FORGET = "DELETE FROM outbox_sent WHERE sent_on < $1::date"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did. `blocked`: partitions (-1: whole topics) whose rows wait."""

    published: int
    blocked: frozenset[Partition]


class Relay:
    """One service's relay. `run` it as a task; call `wake` after each commit that may have added rows.

    `neighbours`: regions of whose topics of this kind there are copies here.
    """

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        publisher: Publisher | None = None,
        *,
        neighbours: Sequence[str] = (),
    ) -> None:
        self._dsn = settings.database_url.get_secret_value().replace("postgresql+asyncpg://", "postgresql://")
        self._publisher = publisher or Publisher(service, settings.kafka)
        self._keep_alives = KeepAlives(service, self._publisher, neighbours)
        self._wakes = Wakes(settings.redis_url.get_secret_value(), settings.redis_prefix)
        self.published = Counter[str]()  # rows that Kafka took, by topic
        self._failures = 0
        self._forgot_on: object = None
        self._logger = structlog.get_logger().bind(service=service)

    def wake(self) -> None:
        """Look for rows now, here or in the process that holds the lock. Never blocks, never raises."""
        self._wakes.wake()

    @property
    def failing(self) -> bool:
        """Whether rows wait because the last attempt failed."""
        return self._failures > 0

    async def run(self) -> None:
        """Publish for ever; ends only by cancellation. Rows sent but not yet deleted then go out twice."""
        try:
            while True:
                try:
                    await self._hold_the_lock()
                # Whatever it is: asyncpg says InternalClientError, kin to nothing, when a session ends just before a
                # statement, and a relay that has ended would publish nothing more, unnoticed.
                except Exception as error:  # noqa: BLE001 - it must go on
                    self._failures += 1
                    seconds = self._back_off()
                    self._logger.error(
                        "the relay failed and begins again", seconds=seconds, **describe(error)
                    )
                    await asyncio.sleep(seconds)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of Redis, when nothing calls `wake` any more. Needed by who only wakes, too, and never calls `run`."""
        await self._wakes.close()

    async def _hold_the_lock(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": "relay",
                "timezone": "UTC",
                # Settling waits for no disk: what a crash of PostgreSQL forgets of it is sent again, in order.
                "synchronous_commit": "off",
                # A machine that vanished must lose the lock: its silent connection ends after half a minute.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )
        try:
            while True:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                    break
                await asyncio.sleep(RETRY_LOCK)
            await self._wakes.listen()
            try:
                await _while_open(connection, self._publish_while_locked(connection))
            finally:
                # Before the lock goes: nothing may arrive from here once another relay publishes.
                await self._publisher.abandon()
                await self._wakes.stop_listening()
        finally:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=5)

    async def _publish_while_locked(self, connection: Any) -> None:
        pause = SHORTEST_POLL
        while True:
            self._wakes.clear()
            swept = await self.sweep(connection)
            if swept.blocked:
                self._failures += 1
                await asyncio.sleep(self._back_off())
                continue
            self._failures = 0
            pause = SHORTEST_POLL if swept.published else min(pause * 2, LONGEST_POLL)
            if not swept.published:
                await self._keep_house(connection)
            if await self._wakes.wait(pause):
                pause = SHORTEST_POLL

    async def sweep(self, connection: Any) -> Swept:
        """Publish from the lowest row on, until none is left and no wake has come.

        While a batch is sent, what was sent before is settled, and the next is read if this one is full. FEW wait for
        that until no wake has come for SETTLE_AFTER_QUIET, or until SETTLE_AT_LATEST. So a row that is committed
        meanwhile waits for the sending and one reading, where there are few hardly ever for the settling. What is not
        settled when this ends early is the last of what was sent: it goes out again in its order.
        """
        published, blocked, unsettled = 0, set[Partition](), list[int]()
        settled_at = time.monotonic()
        rows: Sequence[Row] = await connection.fetch(READ, 0, BATCH, unsettled)
        while rows:
            await self._take_over(connection)
            if not self._publisher.connected:
                blocked.update((row["topic"], -1) for row in rows)
                break  # a long queue isn't gone through, and Kafka asked again for each batch of it
            sending = asyncio.create_task(self._publisher.publish(rows, blocked))
            following: Sequence[Row] = []
            try:
                if len(unsettled) > FEW or time.monotonic() > settled_at + SETTLE_AT_LATEST:
                    await self._settle(connection, unsettled)
                    unsettled, settled_at = [], time.monotonic()
                if len(rows) == BATCH:
                    following = await connection.fetch(READ, rows[-1]["seq"], BATCH, [])
                sent = await sending
            finally:
                sending.cancel()
                await asyncio.wait([sending])
            taken = set(sent)
            self.published.update(row["topic"] for row in rows if row["seq"] in taken)
            published += len(sent)
            unsettled = unsettled + sent
            if not blocked:
                self._failures = 0  # a sweep lasts for as long as rows come
                quiet = 0 if len(unsettled) > FEW else SETTLE_AFTER_QUIET
                if not following and await self._wakes.heard_within(quiet):
                    # From the lowest number again: it may have been committed after higher ones were sent.
                    following = await connection.fetch(READ, 0, BATCH, unsettled)
            rows = following
        await self._settle(connection, unsettled)
        return Swept(published, frozenset(blocked))

    async def _settle(self, connection: Any, acknowledged: list[int]) -> None:
        """Take rows that Kafka has out of the outbox, on the connection that holds the lock."""
        if acknowledged:
            await connection.execute(SETTLE, acknowledged, clock.today(), DELETED_WHEN_SENT)

    async def _take_over(self, connection: Any) -> None:
        """Have the one producer that Kafka hears, and the lock still. Raises what asyncpg does when it is lost.

        In this order: whoever gets the lock after we have seen ours makes a newer producer than this one.
        """
        if await self._publisher.take_over():
            await connection.fetchval(STILL_HELD)

    async def _keep_house(self, connection: Any) -> None:
        if self._keep_alives.are_due():
            await self._take_over(connection)
            try:
                await self._keep_alives.send_due()
            except (KafkaError, OSError) as error:
                self._logger.error("a keep-alive couldn't be published", **describe(error))
        today = clock.today()
        if self._forgot_on != today:
            # "24 hours" is until the end of the next day: a row keeps a date, no time.
            await connection.execute(FORGET, today - timedelta(days=1))
            # Kafka forgets a producer's fence a week after it was made, so each day has a producer of its own.
            await self._publisher.abandon()
            self._forgot_on = today

    def _back_off(self) -> float:
        return back_off(FIRST_BACK_OFF, self._failures, LONGEST_BACK_OFF)


async def _while_open(connection: Any, work: Coroutine[Any, Any, None]) -> None:
    """Cancel `work` as soon as the connection ends, and the lock with it: what it sends after that comes too late.

    Raises InterfaceError then, else what `work` raises.
    """
    working = asyncio.create_task(work)
    ended = False

    def end(_connection: Any) -> None:
        nonlocal ended
        ended = True
        working.cancel()

    connection.add_termination_listener(end)
    try:
        await working
    except asyncio.CancelledError:
        stopping = asyncio.current_task()
        if not ended or (stopping is not None and stopping.cancelling()):
            raise
        raise asyncpg.InterfaceError("the connection that held the lock ended") from None
    finally:
        connection.remove_termination_listener(end)
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
