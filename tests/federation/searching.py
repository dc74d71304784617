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
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from tests.engines import SERVICES
from tests.federation.records import all_topics, everything_on
from tests.federation.regions import kafka_of
from tests.region.running import RunningRegion
from tests.unlinkability.canaries import LENGTH, LETTERS, Canaries

DIGITS = b"0123456789"
HEXADECIMAL = DIGITS + b"abcdefABCDEF"
CONSONANTS = (LETTERS + LETTERS.upper()).encode()
# Begins with what is rare: some hundred megabytes are looked through.
INSIDE = re.compile(rb"-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-")
BEFORE, AFTER = 8, 12  # digits of an id around that
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
        ids |= {bytes.fromhex(text.decode()) for text in windows(content, HEXADECIMAL, 32)}
        for version in self._versions.finditer(content):
            begins = version.start() - 6
            if begins >= 0 and (id_ := content[begins : begins + 16]) in self.ids:
                ids.add(id_)
        traces = {*windows(content, CONSONANTS, LENGTH), *windows(content, DIGITS, LENGTH)}
        return {*(self.ids & ids), *(self.words & {trace.lower() for trace in traces})}

    @property
    def _versions(self) -> re.Pattern[bytes]:
        """Where one of our ids could have its version and variant: one place in fifty or so."""
        versions = b"".join(re.escape(bytes([byte])) for byte in sorted({id_[6] for id_ in self.ids}))
        return re.compile(rb"(?s)[" + (versions or rb"\x00") + rb"](?=.[\x80-\xbf])")


class Search:
    """Looks through each content once, however many files have it: databases begin as copies of each other."""

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._found = dict[bytes, set[bytes]]()

    def found_in(self, content: bytes) -> set[bytes]:
        """Those of the needles that stand in it."""
        known = sha256(content).digest()
        if known not in self._found:
            self._found[known] = self._needles.found_in(content)
        return self._found[known]


def dashed_in(content: bytes) -> Iterator[str]:
    """All ids that stand there as text."""
    for inside in INSIDE.finditer(content):
        text = content[max(inside.start() - BEFORE, 0) : inside.end() + AFTER]
        with suppress(ValueError):  # something else with dashes
            yield str(UUID(text.decode(errors="replace")))


def windows(content: bytes, alphabet: bytes, length: int) -> Iterator[bytes]:
    """All stretches of that length with bytes of the alphabet only."""
    belongs = content.translate(bytes(byte in alphabet for byte in range(256)))
    wanted = b"\1" * length
    begins = belongs.find(wanted)
    while begins >= 0:
        ends = belongs.find(b"\0", begins)
        ends = len(content) if ends < 0 else ends
        for at in range(begins, ends - length + 1):
            yield content[at : at + length]
        begins = belongs.find(wanted, ends)


def files(region: RunningRegion) -> Iterator[Place]:
    """Everything the region has on disk: segments, tables, write-ahead logs, logs, secrets."""
    for path in sorted(region.data.rglob("*")):
        with suppress(FileNotFoundError):  # gone meanwhile
            # Kafka's indexes are made large and empty.
            if path.is_file() and not path.is_symlink() and path.stat().st_blocks:
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
    kafka = kafka_of(region)
    found = await everything_on(kafka, await all_topics(kafka))
    return {topic: b"\n".join(map(_record, records)) for topic, records in found.items()}


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
