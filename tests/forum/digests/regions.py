"""Two or three regions' forums on real databases, and what carries their records to each other: whole or with gaps."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.forum.digests.hearing import Hearing
from services.forum.digests.rounds import Pace, Rounds
from services.forum.due import DueWork
from services.forum.ids import Home, Identity
from services.forum.replicas.applying import Replicas
from shared.bus.records import Received
from shared.bus.state import highest_versions
from shared.clock import SettableClock
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import DIGESTS, named
from shared.database.engine import make_engine, make_sessions
from shared.database.statements import Statements
from shared.hlc import HybridLogicalClock
from shared.outbox import add as outbox
from tests.engines import Engines

MINUTE = timedelta(minutes=1)
PACE = Pace(changed=MINUTE, anyway=10 * MINUTE)
Lost = Callable[[Received[Any]], bool]


def nothing(_record: Received[Any]) -> bool:
    """A link that loses nothing."""
    return False


def everything_but_digests(record: Received[Any]) -> bool:
    """A link that loses all that members wrote."""
    return record.topic != DIGESTS.name


class Region:
    """One region's forum as far as its records go: its database, what reads its topics, its rounds of digests."""

    def __init__(self, name: str, neighbours: Sequence[str], dsn: str) -> None:
        self.name = name
        self.engine = make_engine(dsn, pool=3)
        self.sessions = make_sessions(self.engine)
        self.statements = Statements(self.engine)
        self.neighbours = neighbours
        self.start()
        self.author: Identity = self.home.profile()
        self.thread = self.home.entity(self.home.clock.tick()).id

    def start(self) -> None:
        """The process begins (anew)."""
        self.home = Home(self.name, HybridLogicalClock())
        self.replicas = Replicas(self.home, self.neighbours)
        self.asked = False
        self.hearing = Hearing(
            self.home, self.neighbours, self.replicas.refused, PACE.anyway / 2, self.is_asked
        )
        self.rounds = Rounds(self.sessions, self.statements, self.home, self.neighbours, PACE, lambda: None)

    def is_asked(self) -> None:
        """A neighbour has told what it has of its own: answered when all that it told is here."""
        self.asked = True

    async def writes(self, count: int = 1) -> list[PostPublished]:
        """Posts, as if by the API: in the outbox and, read back, in the tables."""
        posts = []
        for _ in range(count):
            version = self.home.clock.tick()
            identity = self.home.entity(version)
            posts.append(PostPublished(
                id=identity.id, home=self.name, version=version, nonce=identity.nonce.hex(), author_id=self.author.id,
                author_nonce=self.author.nonce.hex(), thread_id=self.thread, written=version, opening=False,
                body="Words",
            ))  # fmt: skip
        await self.publishes(*posts)
        return posts

    async def publishes(self, *states: Any) -> None:
        async with self.sessions() as session, session.begin():
            for state in states:
                topic = next(
                    topic for topic in (named(name) for name in TOPICS) if type(state) in topic.payloads
                )
                await outbox.add(session, topic, state.id, state)

    async def sent(self) -> list[Received[Any]]:
        """What its relay publishes now; its own consumers have read it back."""
        records = []
        async with self.sessions() as session, session.begin():
            for row in await session.execute(text("SELECT * FROM outbox ORDER BY seq")):
                topic = named(row.topic)
                model = topic.payload_of(row.type)
                if topic.name not in TOPICS or model is None:
                    continue
                body = bytes(row.payload)
                records.append(Received(
                    topic.name, None, 0, row.seq, row.key, row.event_id, row.type, row.occurred_at,
                    model.model_validate_json(body), body,
                ))  # fmt: skip
            await session.execute(text("DELETE FROM outbox"))
        await self.receives(records)
        return records

    async def receives(self, records: list[Received[Any]]) -> None:
        """As its two consumers do."""
        digests = [record for record in records if record.topic == DIGESTS.name]
        others = [record for record in records if record.topic != DIGESTS.name]
        async with self.sessions() as session, session.begin():
            await self.replicas.apply(session, others)
        async with self.sessions() as session, session.begin():
            await self.hearing.apply(session, highest_versions(digests))

    async def release_held(self) -> None:
        """Records of clocks that are ahead, once they are due."""
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).release_held()

    async def rows(self, sql: str, **values: object) -> list[Any]:
        async with self.sessions() as session, session.begin():
            return list((await session.execute(text(sql), values)).all())

    async def does(self, sql: str, **values: object) -> None:
        async with self.sessions() as session, session.begin():
            await session.execute(text(sql), values)

    async def has(self, table: str = "posts") -> dict[UUID, int]:
        """Ids and versions of a table."""
        return {row.id: row.version for row in await self.rows(f"SELECT id, version FROM {table}")}

    async def finds(self, region: str, kind: str = "posts") -> Any:
        """What it last found of its own bucket at a neighbour's; None when it never compared."""
        rows = await self.rows(
            "SELECT * FROM digest_comparisons WHERE region = :region AND kind = :kind",
            region=region,
            kind=kind,
        )
        assert len(rows) <= 1
        return rows[0] if rows else None

    async def aclose(self) -> None:
        await self.engine.dispose()


TOPICS = tuple(f"shared.forum.{name}.v1" for name in (
    "profiles", "threads", "posts", "reactions", "moderation", "erasures", "digests",
))  # fmt: skip


class Federation:
    """All regions, and their links. The clock goes on only by `minutes`; `skew` says how far ahead a region's is."""

    def __init__(self, clock: SettableClock, regions: Sequence[Region]) -> None:
        self.clock = clock
        self.regions = {region.name: region for region in regions}
        self.lost: dict[tuple[str, str], Lost] = {}  # by the link's ends: (from, to)
        self.skew: dict[str, timedelta] = {}

    def cut(self, source: str, target: str, lost: Lost) -> None:
        """From now on that link loses something."""
        self.lost[source, target] = lost

    def heal(self) -> None:
        self.lost.clear()

    @contextmanager
    def at(self, region: Region) -> Iterator[Region]:
        """What is done here is done by that region's clock."""
        skew = self.skew.get(region.name, timedelta())
        self.clock.move(skew)
        try:
            yield region
        finally:
            self.clock.move(-skew)

    async def carry(self) -> None:
        """All that was published comes everywhere, but what is lost."""
        for region in self.regions.values():
            with self.at(region):
                records = await region.sent()
            for other in self.regions.values():
                if other is not region and region.name in other.neighbours:
                    lost = self.lost.get((region.name, other.name), nothing)
                    kept = [record._replace(origin=region.name) for record in records if not lost(record)]
                    with self.at(other):
                        await other.receives(kept)
                        if other.asked:
                            other.asked = False
                            await other.rounds.answer()

    async def minutes(self, count: int = 1) -> None:
        """Every region has a round in each of them."""
        for _ in range(count):
            self.clock.move(MINUTE)
            for region in self.regions.values():
                with self.at(region):
                    await region.release_held()
                    await region.rounds.round()
            await self.carry()

    async def until(self, good: Callable[[], Any], *, minutes: int = 60) -> int:
        """Minutes that went by until it was so; fails after so many."""
        for gone in range(minutes):
            if await good():
                return gone
            await self.minutes()
        raise AssertionError(f"not within {minutes} minutes")


@asynccontextmanager
async def federation(engines: Engines, clock: SettableClock, *names: str) -> AsyncIterator[Federation]:
    """Regions that are all neighbours of each other, with databases of their own."""
    async with AsyncExitStack() as ends:
        regions = []
        for name in names:
            region = Region(name, [n for n in names if n != name], await engines.database("forum"))
            ends.push_async_callback(region.aclose)
            regions.append(region)
        yield Federation(clock, regions)
