"""PostgreSQL, by the replicas' and the pages' own statements, comes to what the rules come to."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, text

from services.forum.due import DueWork
from services.forum.ids import Home
from services.forum.queries.fragments import hidden, hide_of, look_alike
from services.forum.replicas.applying import Replicas
from services.forum.replicas.tables import TABLES
from services.forum.rules.merging import is_to_be_published_again
from shared import clock
from shared.contracts.payloads.payload import State
from shared.database.engine import make_engine, make_sessions
from shared.hlc import EPOCH, HybridLogicalClock, milliseconds
from tests.forum.people import Place
from tests.forum.records import received
from tests.forum.rules.histories import FAST, MINUTE, REGIONS, START, World
from tests.forum.rules.replica import Came, Replica, came

HISTORIES = 200
BATCHES = 16  # of very different sizes
NEIGHBOURS = ["south", "east"]


class Postgres:
    """North's forum as its consumer and its due work fill it."""

    def __init__(self, place: Place) -> None:
        self.engine = make_engine(place.settings.database_url.get_secret_value(), pool=2)
        self.sessions = make_sessions(self.engine)
        home = Home("north", HybridLogicalClock())
        self.replicas = Replicas(home, NEIGHBOURS)
        self.due = DueWork(self.sessions, home, self.replicas, lambda: None)

    async def take(self, batch: list[Came]) -> None:
        async with self.sessions() as session, session.begin():
            await self.replicas.apply(session, [received(one.state, one.origin) for one in batch])

    async def release(self) -> None:
        waiting = "SELECT EXISTS (SELECT FROM held_records WHERE due_at <= :now)"
        while (await self.rows(waiting, now=clock.now()))[0][0]:
            await self.due.release_held()

    async def rows(self, sql: str, **asked: object) -> list[Any]:
        async with self.sessions() as session:
            return list(await session.execute(text(sql), asked))

    async def states(self) -> dict[object, State]:
        found: dict[object, State] = {}
        async with self.sessions() as session:
            for table in TABLES.values():
                entity: Any = table.entity
                found |= {row.id: row.record() for row in await session.scalars(select(entity))}
        return found

    async def shown(self) -> tuple[dict[Any, str], set[Any], set[Any], dict[Any, tuple[int, int, bool]]]:
        """Hidden posts with the reason, those that the shorter fragment hides, marked profiles, threads' numbers."""
        reasons = await self.rows(
            f"SELECT p.id, hide.reason FROM posts p LEFT JOIN LATERAL {hide_of('ARRAY[p.id]', 'p.home')} hide ON true"
            " WHERE hide.reason IS NOT NULL"
        )
        short = await self.rows(f"SELECT p.id FROM posts p WHERE {hidden('p.id', 'p.home')}")
        marked = await self.rows(f"SELECT p.id FROM profiles p WHERE {look_alike('p')}")
        numbers = await self.rows("SELECT thread_id, replies, last_written, answered FROM thread_activity")
        return (
            dict(tuple(row) for row in reasons),
            {row.id for row in short},
            {row.id for row in marked},
            {row.thread_id: tuple(row)[1:] for row in numbers},
        )


class OwnTopic:
    """What the rules say that north publishes again, batch by batch."""

    def __init__(self) -> None:
        self.read: dict[object, int] = {}
        self.again = Counter[str]()
        self.above: set[object] = set()  # with a version of their own, which only the database's clock knows

    def took(self, batch: list[Came], model: Replica) -> None:
        own = [one.state for one in batch if one.origin is None]
        last = {state.id: state for state in own}
        for state in last.values():
            place = (state.type, state.id)
            row = model.rows[place]
            newest = max(s.version for s in own if s.id == state.id)
            newest = max(newest, self.read.get(state.id, newest))
            if is_to_be_published_again(
                erased=row.erased, version=row.version, last_read=state.version, highest_read=newest
            ):
                self.again[str(state.id)] += 1
                if newest > row.version:
                    model.rows[place] = row.model_copy(update={"version": newest + 1})
                    self.above.add(state.id)
            self.read[state.id] = newest


def histories() -> list[World]:
    chance = random.Random(5)
    worlds = []
    for number in range(HISTORIES):
        offsets = [chance.randint(-4, 4) * MINUTE for _ in REGIONS]
        if chance.random() < 0.7:
            offsets[chance.randrange(3)] = FAST
        world = World((offsets[0], offsets[1], offsets[2]), f"h{number}-")
        worlds.append(world.play(chance.randbytes(chance.randint(36, 96))))
    return worlds


def batches(chance: random.Random) -> list[list[Came]]:
    records = [record for world in histories() for record in came("north", world.records)]
    records += chance.choices(records, k=len(records) // 3)
    chance.shuffle(records)
    cuts = sorted(chance.sample(range(1, len(records)), BATCHES - 1))
    return [records[start:end] for start, end in pairwise([0, *cuts, len(records)])]


@pytest.fixture
async def postgres(forum: Place) -> AsyncIterator[Postgres]:
    postgres = Postgres(forum)
    yield postgres
    await postgres.engine.dispose()


async def test_the_database_comes_to_what_the_rules_come_to(forum: Place, postgres: Postgres) -> None:
    chance = random.Random(11)
    model, topic = Replica("north", NEIGHBOURS), OwnTopic()
    held = 0
    with clock.stopped_at(EPOCH + timedelta(milliseconds=START - 15 * MINUTE)) as time:
        for batch in batches(chance):
            now = milliseconds(clock.now())
            model.take(batch, now)
            topic.took(batch, model)
            await postgres.take(batch)
            held += len(model.held)
            time.move(timedelta(minutes=2))
            if chance.random() < 0.3:
                model.release(milliseconds(clock.now()))
                await postgres.release()
        time.move(timedelta(hours=2))
        model.release(milliseconds(clock.now()))
        await postgres.release()
    assert held > 100
    assert model.held == {}
    assert await postgres.rows("SELECT 1 FROM held_records") == []
    assert await postgres.rows("SELECT 1 FROM security_log") == []
    await agree(postgres, model, topic)

    again = Counter(row.key for row in await postgres.rows("SELECT key FROM outbox"))
    assert again == topic.again
    assert topic.above, "an erased row was written to in no history"

    for muted in (["south"], ["east", "south"]):
        await forum.database.execute("DELETE FROM muted_regions")
        for region in muted:
            await forum.database.execute("INSERT INTO muted_regions VALUES ($1, '2026-03-01')", region)
        shown = model.shown(muted)
        reasons, short, marked, _ = await postgres.shown()
        assert marked == shown.marked
        assert reasons == shown.hidden
        assert short == shown.hidden.keys()
        assert shown.hidden.keys() < model.shown().hidden.keys()
        assert shown.marked > model.shown().marked, "some share a name in no history"


async def agree(postgres: Postgres, model: Replica, topic: OwnTopic) -> None:
    shown = model.shown()
    states = await postgres.states()
    assert states.keys() == shown.rows.keys()
    for id_, state in states.items():
        expected: Any = shown.rows[id_]
        if id_ in topic.above:
            assert state.version >= expected.version
            expected = expected.model_copy(update={"version": state.version})
        assert state == expected
    reasons, short, marked, numbers = await postgres.shown()
    assert reasons == shown.hidden
    assert short == shown.hidden.keys()
    assert marked == shown.marked
    assert numbers == {thread: tuple(found) for thread, found in shown.numbers.items()}
    assert min(len(shown.hidden), len(marked)) > 10
    assert any(found.answered for found in shown.numbers.values())
