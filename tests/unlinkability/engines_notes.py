"""What the engines note for themselves: rows that were rewritten or deleted but still lie in PostgreSQL's pages, and
the times at which Kafka's consumers said how far they had come.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from aiokafka.partitioner import murmur2

from shared.contracts.topics import CATALOGUE
from tests.unlinkability.copies import everything_on
from tests.unlinkability.sightings import Row
from tests.unlinkability.stage import Stage

PAGE = 8192
HEADER = 24  # bytes of a page's header; line pointers of 4 bytes follow
# All but the newest of each group and partition are compacted away about so long after the next one.
KEPT = timedelta(minutes=30)
# Topics whose keys are aliases, and of which store.
KEYED = {
    "local.activity.forum.v1": "forum",
    "local.activity.events.v1": "events",
    "local.notices.requested.forum.v1": "forum",
    "local.notices.requested.events.v1": "events",
    "local.notices.addressed.v1": "notifications",
    "local.engagement.membership.v1": "analytics:membership",
    "local.engagement.forum.v1": "analytics:forum",
    "local.engagement.events.v1": "analytics:events",
}
PARTITIONS = {topic.name: topic.partitions for topic in CATALOGUE}


async def pages(stage: Stage, service: str, tables: Sequence[str], aliases: Iterable[str]) -> list[Row]:
    """Every version of a row that a table's file still has, dead ones too: whose, where, by which transaction."""
    connection = await asyncpg.connect(stage.databases[service])
    try:
        await connection.execute("CHECKPOINT")
        paths = [
            await connection.fetchval("SELECT pg_relation_filepath($1::regclass)", name) for name in tables
        ]
    finally:
        await connection.close()
    known = {UUID(alias).bytes: alias for alias in aliases}
    home = stage.home / "postgres" / service
    return [
        row for name, path in zip(tables, paths, strict=True) for row in versions_in(name, home / path, known)
    ]


def versions_in(table: str, file: Path, known: Mapping[bytes, str]) -> Iterator[Row]:
    """The versions in a table's file. `known`: alias as it is written there → alias."""
    content, place = file.read_bytes(), 0
    for page in (content[start : start + PAGE] for start in range(0, len(content), PAGE)):
        (lower,) = struct.unpack_from("<H", page, 12)
        for pointer in range(HEADER, lower, 4):
            place += 1
            (packed,) = struct.unpack_from("<I", page, pointer)
            offset, length = packed & 0x7FFF, packed >> 17
            if length:
                version = page[offset : offset + length]
                (transaction,) = struct.unpack_from("<I", version, 0)
                for written, alias in known.items():
                    if written in version:
                        yield Row(f"{table} on disk", {"alias": alias}, place, transaction)


async def commits(
    stage: Stage, moves: Sequence[tuple[float, datetime]], spaces: Mapping[str, Iterable[str]]
) -> dict[str, list[Row]]:
    """Store → when something was handled of the aliases whose keys share a partition, as far as that is kept.

    `moves`: when the scenario's clock was set to what; Kafka notes the machine's own time.
    """
    newest, known = {}, []
    for record in await everything_on(stage, ["__consumer_offsets"]):
        commit = commit_in(record.key, record.value)
        if commit is not None:
            topic, partition, at = commit
            at = _played(moves, at)
            newest[record.key] = topic, partition, at
            if at >= moves[-1][1] - KEPT:
                known.append((topic, partition, at))
    rows: dict[str, list[Row]] = {store: [] for store in spaces}
    for place, (topic, partition, at) in enumerate(sorted({*newest.values(), *known}, key=lambda c: c[2])):
        for store in [one for one in spaces if topic in KEYED and one.startswith(KEYED[topic])]:
            whose = [alias for alias in spaces[store] if partition_of(alias, PARTITIONS[topic]) == partition]
            rows[store].append(Row("__consumer_offsets", {"whose": whose, "at": at}, place))
    return rows


def partition_of(key: str, partitions: int) -> int:
    """Where Kafka's clients put a key."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def commit_in(key: bytes, value: bytes | None) -> tuple[str, int, datetime] | None:
    """Topic, partition and time of an offset's commit; None for what groups note of themselves."""
    if value is None or struct.unpack_from(">h", key, 0)[0] > 1:
        return None
    _group, at = _text(key, 2)
    topic, at = _text(key, at)
    (partition,) = struct.unpack_from(">i", key, at)
    (version,) = struct.unpack_from(">h", value, 0)
    at = 2 + 8 + (4 if version >= 3 else 0)
    if version >= 4:  # compact: one byte says the length of what we leave empty, plus one
        at += value[at]
    else:
        _metadata, at = _text(value, at)
    (milliseconds,) = struct.unpack_from(">q", value, at)
    return topic, partition, datetime.fromtimestamp(milliseconds / 1000, UTC)


def _text(content: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", content, at)
    return content[at + 2 : at + 2 + length].decode(), at + 2 + length


def _played(moves: Sequence[tuple[float, datetime]], at: datetime) -> datetime:
    """The scenario's time at the machine's time `at`, as if its clock had gone on between two moves."""
    since, played = moves[max(0, bisect_right(moves, at.timestamp(), key=lambda move: move[0]) - 1)]
    return played + timedelta(seconds=at.timestamp() - since)
