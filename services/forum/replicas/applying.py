"""Takes a batch of the shared forum's records into this region's tables."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.replicas.announcing import settle_posts, settle_threads, tell_authors
from services.forum.replicas.concerns import forget_of, hear
from services.forum.replicas.held import hold
from services.forum.replicas.marking import KIND_OF, buckets_of
from services.forum.replicas.refusing import Refusals, Refused, judge, refuse
from services.forum.replicas.reserving import reserve_names
from services.forum.replicas.tables import TABLES, Table
from services.forum.replicas.turns import in_turns
from services.forum.rules.merging import highest
from services.forum.rules.waiting import is_held
from shared import clock
from shared.bus.records import Received, Unstorable
from shared.contracts.topics import MODERATION, POSTS, PROFILES, REPORTS, THREADS
from shared.hlc import milliseconds
from shared.outbox import add as outbox

_log = structlog.get_logger()

Versions = dict[str, tuple[int, int]]  # key → (last, highest) version of our own records


@dataclass(frozen=True, slots=True)
class Filled:
    """A batch's records of one topic: all in the order they came, the newest of each key, and their rows as JSON."""

    table: Table
    records: list[Received[Any]]
    newest: list[Received[Any]]
    rows: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch of which everything is known that takes no database: what is refused, what has to wait, what is due."""

    refused: list[Refused]
    ahead: list[Received[Any]]
    due: list[Filled]


class Replicas:
    """Applies records of this region and of its neighbours."""

    def __init__(self, home: Home, neighbours: Collection[str]) -> None:
        self._home = home
        self._neighbours = frozenset(neighbours)
        self.refused = Refusals()

    async def apply(self, session: AsyncSession, received: list[Received[Any]]) -> None:
        """A whole batch, in the order it came, in the caller's transaction. Coming again it changes nothing.

        Where that has no statement yet it begins once the batch is prepared: texts may take longer than a transaction.
        """
        await self.store(session, await self.prepare(received))

    async def prepare(self, received: list[Received[Any]]) -> Prepared:
        """Judge a batch and make its rows. Raises Unstorable."""
        genuine, refused = judge(received, self._home.region, self._neighbours)
        now = milliseconds(clock.now())
        ahead: list[Received[Any]] = []
        by_topic: dict[str, list[Received[Any]]] = defaultdict(list)
        for record in genuine:
            if is_held(record.payload.version, now, own=record.origin is None):
                ahead.append(record)
            else:
                self._home.clock.observe(record.payload.version)
                by_topic[record.topic].append(record)
        due = [await _filled(TABLES[topic], records) for topic, records in by_topic.items()]
        return Prepared(refused, _highest(ahead), due)

    async def store(self, session: AsyncSession, batch: Prepared) -> None:
        """Apply what is prepared, in the caller's transaction."""
        await session.connection()
        at = clock.now()  # not before there is a connection: a read mark doesn't wait longer for a commit
        if batch.refused:
            await refuse(session, batch.refused, self.refused)
            _log.warning("records of the shared forum were refused", count=len(batch.refused))
        if batch.ahead:
            await hold(session, batch.ahead)
        for filled in batch.due:
            await self._store(session, filled, at)

    async def _store(self, session: AsyncSession, filled: Filled, at: datetime) -> None:
        table, newest = filled.table, filled.newest
        # Without neighbours nobody compares.
        buckets = buckets_of(KIND_OF[table.topic.name], newest, milliseconds(at)) if self._neighbours else []
        filling = {"records": filled.rows, "at": at, "buckets": buckets, "apart": self._home.apart}
        await session.execute(table.upsert, filling)
        own = _versions(filled.records)
        if table.topic is POSTS:
            read = {record.payload.id: own.get(record.key) for record in newest}
            overtaken: list[Any] = list(await settle_posts(session, read, at, self._home.standing()))
        else:
            overtaken = await _read_back(session, table, own)
        if table.topic is THREADS:
            await settle_threads(session, [record.payload.id for record in newest], at, self._home.standing())
        if table.topic is MODERATION:
            await tell_authors(session, sorted({record.payload.target_id for record in newest}), at)
        if table.topic is REPORTS:
            await hear(session, self._home.region, [record.payload.id for record in newest], at)
        if table.topic is PROFILES:
            await reserve_names(session, [record.payload.id for record in newest])
            await forget_of(session, [record.payload.id for record in newest if record.payload.erased])
        if overtaken:
            await self._publish_again(session, table, overtaken)

    async def _publish_again(self, session: AsyncSession, table: Table, ids: list[UUID] | list[str]) -> None:
        # A timed-out publish can come after its successor, and compaction keeps what came last (FIELD-NOTES).
        entity: Any = table.entity
        for row in await session.scalars(select(entity).where(entity.id.in_(ids))):
            # Erased, and written to since: above that, whatever the clock says.
            if row.read_back > row.version:
                row.version = row.read_back
                row.rewrite(self._home)
            await outbox.add(session, table.topic, row.id, row.record())


async def _filled(table: Table, records: list[Received[Any]]) -> Filled:
    newest = _highest(records)
    rows = await in_turns(partial(_row, table), newest)
    return Filled(table, records, newest, json.dumps(rows))


def _row(table: Table, record: Received[Any]) -> dict[str, object]:
    try:
        return table.row(record.payload, json.loads(record.body))
    except Exception as error:  # from the record alone: another attempt would end alike
        raise Unstorable from error


def _highest(records: list[Received[Any]]) -> list[Received[Any]]:
    """By its origin too: no neighbour's record stands for ours."""
    return highest(records, lambda one: (one.topic, one.origin, one.key), lambda one: one.payload)


def _versions(records: list[Received[Any]]) -> Versions:
    versions: Versions = {}
    for record in records:
        if record.origin is None:
            _, highest = versions.get(record.key, (0, -1))
            version = record.payload.version
            versions[record.key] = (version, max(version, highest))
    return versions


async def _read_back(session: AsyncSession, table: Table, own: Versions) -> list[Any]:
    if not own:
        return []
    asked = {
        "ids": list(own),
        "last": [last for last, _ in own.values()],
        "highest": [highest for _, highest in own.values()],
    }
    rows = await session.execute(table.read_back, asked)
    return [row.id for row in rows if row.overtaken]
