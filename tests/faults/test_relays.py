"""Relays that compete, lose their lock, or meet rows whose numbers and commits don't agree."""

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.kafka.topics import apply as make_topics
from deploy.kafka.topics import configure
from shared.contracts.payloads.forum import ThreadOpened
from shared.contracts.topics import Topic
from shared.database.engine import make_engine, make_sessions
from shared.outbox import add as adding
from shared.outbox.publisher import Partition, Publisher
from shared.outbox.relay import Relay, Swept
from tests import tried
from tests.bus.conftest import Service, eventually
from tests.bus.test_relay import relaying
from tests.faults.children import thread

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'relay' AND datname = current_database()"
)
HOLDER = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'relay' AND datname = current_database()"
    " AND query LIKE '%try_advisory_lock%' AND state = 'idle' AND pid NOT IN"
    " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
)
EMPTY = "SELECT 1 WHERE NOT EXISTS (SELECT FROM outbox)"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.outbox.relay.RETRY_LOCK", 0.02)


async def write(service: Service, *versions: int, keys: int = 1, topic: Topic | None = None) -> None:
    """Commit those versions, spread over that many keys."""
    async with service.sessions() as session, session.begin():
        for version in versions:
            key = UUID(int=version % keys)
            await adding.add(session, topic or service.states, key, thread(key, version))


async def arrived(service: Service, topic: str | None = None) -> dict[str, list[int]]:
    """The versions of each key, as they stand on the topic."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in await service.records(topic or service.states.name):
        if not record.key.startswith(b"keep-alive"):
            found[record.key.decode()].append(ThreadOpened.model_validate_json(record.value).version)
    return found


def in_order(versions: list[int]) -> bool:
    """Whether each came first after all that are lower, and the newest came last."""
    return list(dict.fromkeys(versions)) == sorted(set(versions)) and versions[-1] == max(versions)


async def test_three_relays_that_lose_their_lock_again_and_again_lose_no_row_and_no_order(
    service: Service,
) -> None:
    compacted = replace(service.states, name=f"{service.states.name}-compacted", text=False)
    await make_topics(service.kafka, [compacted])
    relays = [asyncio.create_task(Relay("forum", service.settings).run()) for _ in range(3)]
    try:
        for start in range(0, 2400, 200):
            await write(service, *range(start, start + 200), keys=20, topic=compacted)
            await service.fetch(CUT if start % 400 else HOLDER)
        await eventually(partial(service.has, EMPTY))
        by_key = await arrived(service, compacted.name)
        assert len(by_key) == 20
        assert all(in_order(versions) for versions in by_key.values())
        assert sum(len(set(versions)) for versions in by_key.values()) == 2400

        # What compaction leaves must be right too: segments close at once, and are cleaned as soon as Kafka looks.
        quick = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
        await configure(service.kafka, compacted.name, compacted.config | quick)

        newest = range(2381, 2401)  # of each key one

        async def is_compacted() -> bool:
            # A segment that is written to isn't cleaned, and closes only when something comes: to each partition.
            await write(service, *newest, keys=20, topic=compacted)
            left = await arrived(service, compacted.name)
            return all(version in newest for versions in left.values() for version in versions)

        await eventually(is_compacted, within=60)
        left = await arrived(service, compacted.name)
        assert {versions[-1] for versions in left.values()} == {*newest}
        tried.count("faults", "locks lost", 12)
    finally:
        for task in relays:
            task.cancel()
        await asyncio.wait(relays)


class Slow(Publisher):
    """A publisher that is held up before it sends, as by a full network or a paused machine."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.at_work = asyncio.Event()
        self.go_on = asyncio.Event()

    async def publish(self, rows: Any, blocked: set[Partition]) -> list[int]:
        self.at_work.set()
        await self.go_on.wait()
        return await super().publish(rows, blocked)


async def test_of_two_relays_one_publishes_while_the_other_waits(service: Service) -> None:
    held = Slow("forum", service.kafka)
    slow = Relay("forum", service.settings, held)
    await write(service, 0, 1)
    async with relaying(slow):
        await held.at_work.wait()
        async with relaying(Relay("forum", service.settings)):
            await write(service, 2)

            async def is_decided() -> bool:
                return await service.has(WAITING) or bool(await arrived(service))

            await eventually(is_decided)
            assert await arrived(service) == {}, "both publish"
            held.go_on.set()
            await eventually(partial(service.has, EMPTY))
    assert await arrived(service) == {str(UUID(int=0)): [0, 1, 2]}


async def test_a_relay_whose_connection_ends_in_the_middle_of_a_batch_sends_nothing_more(
    service: Service,
) -> None:
    held = Slow("forum", service.kafka)
    slow = Relay("forum", service.settings, held)
    await write(service, 0, 1)
    async with relaying(slow):
        await held.at_work.wait()
        await service.fetch(HOLDER)
        async with relaying(Relay("forum", service.settings)):
            await write(service, 2, 3)
            await eventually(partial(service.has, EMPTY))
            held.go_on.set()
            await eventually(
                lambda: service.has(
                    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'relay'"
                    " AND datname = current_database() HAVING count(*) = 2"
                )
            )
    assert await arrived(service) == {str(UUID(int=0)): [0, 1, 2, 3]}
    tried.count("faults", "locks lost")


class Unanswered(Publisher):
    """Its first send arrives, but the answer gets lost: the publisher takes it for not sent."""

    lost = False

    async def _send_part(self, producer: Any, part: Partition, rows: Any) -> int:
        done = await super()._send_part(producer, part, rows)
        if not self.lost:
            self.lost = True
            return done // 2
        return done


async def test_after_half_an_answer_only_the_acknowledged_prefix_is_settled(service: Service) -> None:
    relay = Relay("forum", service.settings, Unanswered("forum", service.kafka))
    await write(service, *range(10))
    async with relaying(relay):
        await eventually(partial(service.has, EMPTY))
    [versions] = (await arrived(service)).values()
    assert versions == [*range(10), *range(5, 10)]


async def test_what_is_sent_before_its_elders_are_settled_comes_again_after_them(service: Service) -> None:
    """Settling is held up; then the lock is lost, with two batches sent and none settled."""
    held = Slow("forum", service.kafka)
    relay = Relay("forum", service.settings, held)
    await write(service, 0)
    settling = await asyncpg.connect(service.settings.database_url.get_secret_value().replace("+asyncpg", ""))
    try:
        async with relaying(relay):
            await held.at_work.wait()
            async with settling.transaction():
                await settling.execute("LOCK TABLE outbox_sent IN SHARE MODE")
                await write(service, 1)
                relay.wake()
                held.go_on.set()

                async def both_are_sent() -> bool:
                    return await arrived(service) == {str(UUID(int=0)): [0, 1]}

                await eventually(both_are_sent)
                await service.fetch(HOLDER)
            await eventually(partial(service.has, EMPTY))
    finally:
        await settling.close()
    assert await arrived(service) == {str(UUID(int=0)): [0, 1, 0, 1]}
    tried.count("faults", "locks lost")


class Interrupted(Relay):
    """Its session ends just before a statement, which asyncpg answers with an error of a kind of its own."""

    interrupted = False

    async def sweep(self, connection: Any) -> Swept:
        if not self.interrupted:
            self.interrupted = True
            raise asyncpg.InternalClientError(
                "cannot switch to state 12; another operation (2) is in progress"
            )
        return await super().sweep(connection)


async def test_a_relay_goes_on_whatever_the_error(service: Service) -> None:
    await write(service, 0)
    async with relaying(Interrupted("forum", service.settings)):
        await eventually(partial(service.has, EMPTY))
    assert await arrived(service) == {str(UUID(int=0)): [0]}


async def test_fifty_writers_whose_commits_come_out_of_order_miss_no_row(service: Service) -> None:
    """Numbers are taken when rows are written; here each writer then commits when it likes."""
    chance = random.Random(50)
    engine = make_engine(service.settings.database_url.get_secret_value(), pool=50)
    sessions = make_sessions(engine)
    keys = [uuid4() for _ in range(50)]

    async def writer(key: UUID) -> None:
        for version in range(1, 21):
            async with sessions() as session, session.begin():
                await adding.add(session, service.states, key, thread(key, version))
                await asyncio.sleep(chance.random() * 0.05)
                if chance.random() < 0.1:
                    await session.rollback()
                    break

    try:
        async with relaying(Relay("forum", service.settings)):
            await asyncio.gather(*(writer(key) for key in keys))
            await eventually(partial(service.has, EMPTY))
    finally:
        await engine.dispose()
    rows = await service.fetch("SELECT key, count(*) AS count FROM outbox_sent GROUP BY key")
    kept = {row.key: row.count for row in rows}
    assert kept
    assert await arrived(service) == {key: [*range(1, count + 1)] for key, count in kept.items()}
