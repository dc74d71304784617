"""Takes a batch of the shared forum's records into this region's tables."""

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.policy import HELD_AHEAD
from services.forum.replicas.announcing import settle_posts, tell_authors
from services.forum.replicas.held import hold
from services.forum.replicas.tables import TABLES, Table
from services.forum.replicas.verifying import fault_of, subject_of
from shared import clock
from shared.bus.records import Received
from shared.bus.state import highest_versions
from shared.contracts.topics import MODERATION, POSTS
from shared.database import security_log
from shared.hlc import version_at
from shared.outbox import add as outbox

_log = structlog.get_logger()

Versions = dict[str, tuple[int, int]]  # key → (last, highest) version of our own records


class Replicas:
    """Applies records of this region and of its neighbours."""

    def __init__(self, home: Home, neighbours: Collection[str]) -> None:
        self._home = home
        self._neighbours = frozenset(neighbours)

    async def apply(self, session: AsyncSession, received: list[Received[Any]]) -> None:
        """A whole batch, in the order it came, in the caller's transaction. Coming again it changes nothing."""
        at = clock.now()
        genuine = await self._refuse_the_rest(session, received)
        limit = version_at(at + HELD_AHEAD)
        ahead = [record for record in genuine if record.payload.version > limit]
        if ahead:
            await hold(session, highest_versions(ahead))
        due = [record for record in genuine if record.payload.version <= limit]
        by_topic: dict[str, list[Received[Any]]] = defaultdict(list)
        for record in due:
            self._home.clock.observe(record.payload.version)
            by_topic[record.topic].append(record)
        for topic, records in by_topic.items():
            await self._store(session, TABLES[topic], records, at)

    async def _refuse_the_rest(
        self, session: AsyncSession, received: list[Received[Any]]
    ) -> list[Received[Any]]:
        genuine = []
        refused: list[security_log.Line] = []
        for record in received:
            fault = fault_of(record, self._home.region, self._neighbours)
            if fault is None:
                genuine.append(record)
            else:
                refused.append(security_log.Line(f"record-refused-{fault}", subject=subject_of(record)))
        if refused:
            await security_log.note_all(session, refused)
            _log.warning("records of the shared forum were refused", count=len(refused))
        return genuine

    async def _store(
        self, session: AsyncSession, table: Table, records: list[Received[Any]], at: datetime
    ) -> None:
        newest = highest_versions(records)
        rows = [table.row(record.payload, json.loads(record.body)) for record in newest]
        await session.execute(table.upsert, {"records": json.dumps(rows), "at": at})
        own = _versions(records)
        if table.topic is POSTS:
            read = {record.payload.id: own.get(record.key) for record in newest}
            overtaken: list[Any] = list(await settle_posts(session, read, at))
        else:
            overtaken = await _read_back(session, table, own)
        if table.topic is MODERATION:
            await tell_authors(session, sorted({record.payload.target_id for record in newest}), at)
        if overtaken:
            await _publish_again(session, table, overtaken)


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


async def _publish_again(session: AsyncSession, table: Table, ids: list[UUID] | list[str]) -> None:
    # A timed-out publish can come after its successor, and compaction keeps what came last (FIELD-NOTES).
    entity: Any = table.entity
    for row in await session.scalars(select(entity).where(entity.id.in_(ids))):
        await outbox.add(session, table.topic, row.id, row.record())
