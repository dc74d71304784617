"""What the guards put back: parts of the product with one of its promises taken out (test_guards.py)."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords

from shared import clock
from shared.bus import batches, broker, facts, progress, state
from shared.bus.burying import DeadLetters
from shared.outbox import publisher, relay
from shared.outbox.publisher import Partition, Publisher, Row
from shared.outbox.relay import BATCH, DELETED_WHEN_SENT, LOCK, READ, SETTLE, Relay, Swept
from tests.faults import test_kills


class DeletesFirst(Relay):
    """Rows leave the outbox before Kafka has them."""

    async def sweep(self, connection: Any) -> Swept:
        rows = await connection.fetch(READ, 0, BATCH, [])
        if not rows:
            return Swept(0, frozenset())
        await connection.execute(SETTLE, [row["seq"] for row in rows], clock.today(), DELETED_WHEN_SENT)
        blocked = set[Partition]()
        await self._take_over(connection)
        return Swept(len(await self._publisher.publish(rows, blocked)), frozenset(blocked))


def rows_are_deleted_before_they_are_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(test_kills, "RELAY", DeletesFirst)


def nothing_is_noted_in_the_inbox(patch: pytest.MonkeyPatch) -> None:
    async def receive(_session: Any, _group: str, received: list[Any]) -> list[Any]:
        return received

    patch.setattr(facts, "receive", receive)


def offsets_are_acknowledged_whatever_happens(patch: pytest.MonkeyPatch) -> None:
    handle = batches.Consumer.handle

    async def handle_all(self: batches.Consumer, records: Any) -> None:
        try:
            await handle(self, records)
        except Exception as error:  # noqa: BLE001 - the fault
            del error

    patch.setattr(batches.Consumer, "handle", handle_all)


def dead_letters_that_fail_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    async def bury(_self: DeadLetters, _consumer: str, _refused: Any) -> None:
        return None

    patch.setattr(DeadLetters, "bury", bury)


def every_relay_publishes(patch: pytest.MonkeyPatch) -> None:
    publish = Relay._publish_while_locked

    async def publish_unlocked(self: Relay, connection: Any) -> None:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
        await publish(self, connection)

    patch.setattr(Relay, "_publish_while_locked", publish_unlocked)


def old_producers_are_heard(patch: pytest.MonkeyPatch) -> None:
    def make(kafka: Any, client_id: str, *, fence: str) -> broker.Producer:
        del fence
        return broker.make_producer(kafka, client_id)

    patch.setattr(publisher, "make_producer", make)


def a_cursor_outlives_its_sweep(patch: pytest.MonkeyPatch) -> None:
    sweep = Relay.sweep

    reached: dict[Relay, int] = {}

    class Onwards:
        """A connection that never goes back to lower numbers."""

        def __init__(self, relay: Relay, connection: Any) -> None:
            self._relay = relay
            self._connection = connection
            self.execute, self.fetchval = connection.execute, connection.fetchval

        async def fetch(self, sql: str, after: int, size: int, sent: list[int]) -> Any:
            rows = await self._connection.fetch(sql, max(after, reached.get(self._relay, 0)), size, sent)
            if rows:
                reached[self._relay] = rows[-1]["seq"]
            return rows

    async def sweep_on(self: Relay, connection: Any) -> Swept:
        return await sweep(self, Onwards(self, connection))

    patch.setattr(Relay, "sweep", sweep_on)


def all_that_was_sent_counts_as_arrived(patch: pytest.MonkeyPatch) -> None:
    publish = Publisher.publish

    async def publish_all(self: Publisher, rows: Sequence[Row], blocked: set[Partition]) -> list[int]:
        await publish(self, rows, blocked)
        return [row["seq"] for row in rows]

    patch.setattr(Publisher, "publish", publish_all)


def a_relay_ends_with_an_error_it_does_not_know(patch: pytest.MonkeyPatch) -> None:
    async def run(self: Relay) -> None:
        await self._hold_the_lock()

    patch.setattr(relay.Relay, "run", run)


def the_last_record_of_a_key_wins(patch: pytest.MonkeyPatch) -> None:
    def last(received: list[Any]) -> list[Any]:
        return list({record.key: record for record in received}.values())

    patch.setattr(state, "highest_versions", last)


def whoever_is_at_work_is_alive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(progress, "STUCK_AFTER", float("inf"))


def headers_are_read_as_aiokafka_does(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fetcher, "MemoryRecords", MemoryRecords)
