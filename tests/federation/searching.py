"""Looks for ids and planted words in bytes: as text, as 16 bytes, wherever they begin.

    needles = Needles.of(ids, canaries)
    needles.found_in(content)           # those of them that stand there

What is compressed is found where somebody unpacks it: tables as text, records through a consumer.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from shared.bus.reader import reading
from tests.engines import SERVICES
from tests.federation.records import all_topics
from tests.federation.regions import kafka_of
from tests.region.running import RunningRegion
from tests.unlinkability.canaries import Canaries, traces_in

DASHED = re.compile(rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DIGITS = re.compile(rb"(?i)[0-9a-f]{32,}")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

Place = tuple[str, bytes]  # what it is called, and all its bytes


@dataclass(frozen=True)
class Needles:
    """What is looked for."""

    ids: frozenset[bytes]
    words: frozenset[bytes]

    @classmethod
    def of(cls, ids: Iterable[UUID], canaries: Canaries) -> "Needles":
        return cls(
            frozenset(one.bytes for one in ids),
            frozenset(trace for canary in canaries.kept for trace in canary.traces),
        )

    @property
    def all(self) -> frozenset[bytes]:
        """Ids as their 16 bytes, words in lower case."""
        return self.ids | self.words

    def __or__(self, other: "Needles") -> "Needles":
        return Needles(self.ids | other.ids, self.words | other.words)

    def found_in(self, content: bytes) -> set[bytes]:
        """Those of `all` that stand in it."""
        ids = {UUID(text).bytes for text in dashed_in(content)}
        for run in map(bytes.decode, DIGITS.findall(content)):
            ids |= {bytes.fromhex(run[at : at + 32]) for at in range(len(run) - 31)}
        for version in self._versions.finditer(content):
            begins = version.start() - 6
            if begins >= 0 and (id_ := content[begins : begins + 16]) in self.ids:
                ids.add(id_)
        return {*(self.ids & ids), *(self.words & traces_in(content))}

    @property
    def _versions(self) -> re.Pattern[bytes]:
        """Where one of our ids could have its version and variant: one place in fifty or so."""
        versions = b"".join(re.escape(bytes([byte])) for byte in sorted({id_[6] for id_ in self.ids}))
        return re.compile(rb"(?s)[" + (versions or rb"\x00") + rb"](?=.[\x80-\xbf])")


def dashed_in(content: bytes) -> Iterator[str]:
    """All ids that stand there as text."""
    return (match.decode() for match in DASHED.findall(content))


def files(region: RunningRegion) -> Iterator[Place]:
    """Everything the region has on disk: segments, tables, write-ahead logs, logs, secrets."""
    for path in sorted(region.data.rglob("*")):
        with suppress(FileNotFoundError):  # gone meanwhile
            if path.is_file() and not path.is_symlink():
                yield f"file {path.relative_to(region.data)}", path.read_bytes().rstrip(b"\0")


async def unpacked(region: RunningRegion) -> list[Place]:
    """All tables as text, all records as they were sent, all that Redis holds."""
    found = [
        (f"table {service}.{table}", "\n".join(rows).encode())
        for service in SERVICES
        for table, rows in (await tables(region, service)).items()
    ]
    found += [(f"topic {topic}", content) for topic, content in (await topics(region)).items()]
    found.append(("redis", await redis(region)))
    return found


async def tables(region: RunningRegion, service: str) -> dict[str, list[str]]:
    """All rows of a service's tables, as JSON."""
    connection = await asyncpg.connect(region.engines["postgres"][service])
    try:
        return {
            table: [row[0] for row in await connection.fetch(f'SELECT to_jsonb(t)::text FROM "{table}" t')]
            for (table,) in await connection.fetch(TABLES)
        }
    finally:
        await connection.close()


async def topics(region: RunningRegion) -> dict[str, bytes]:
    """Keys, values and headers of all records of all topics, MirrorMaker's and Kafka's own too."""
    found = {}
    async with reading(kafka_of(region)) as reader:
        for name in await all_topics(kafka_of(region)):
            found[name] = b"\n".join([_record(record) async for record in reader.records(name)])
    return found


async def redis(region: RunningRegion) -> bytes:
    """All keys with what they hold."""
    held: list[Any] = []
    async with Redis.from_url(region.engines["redis"]) as client:
        for key in await client.keys("*"):
            held += [key, await client.dump(key)]
    return b"\n".join(each for each in held if each)


def _record(record: Any) -> bytes:
    said = [record.key, record.value, json.dumps([name for name, _ in record.headers]).encode()]
    return b"\n".join(part for part in (*said, *(value for _, value in record.headers)) if part)
