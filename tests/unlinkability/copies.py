"""Takes the copies an attacker has: every table, topic, Redis key and file outside identity."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.bus.broker import make_consumer
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.topics import CATALOGUE, research_topic
from tests.engines import SERVICES
from tests.unlinkability.sightings import Dump, Row
from tests.unlinkability.stage import Stage

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


async def tables(stage: Stage, service: str) -> list[Row]:
    """All rows of a service's database in the order in which they stand, with their transactions."""
    connection = await asyncpg.connect(stage.databases[service])
    try:
        return [
            Row(name, _plain(dict(row)), place, row["xmin"])
            for (name,) in await connection.fetch(TABLES)
            for place, row in enumerate(
                await connection.fetch(
                    f'SELECT xmin::text::bigint, xmax::text::bigint, * FROM "{name}" ORDER BY ctid'
                )
            )
        ]
    finally:
        await connection.close()


async def records(stage: Stage, studies: Sequence[UUID]) -> list[Row]:
    """All records of all topics that Kafka still gives, keep-alives apart: they are nobody's."""
    found = []
    for record in await everything_on(
        stage, [topic.name for topic in (*CATALOGUE, *map(research_topic, studies))]
    ):
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        if headers.get("ce_type") == KEEP_ALIVE:
            continue
        values = {
            "key": (record.key or b"").decode(errors="replace"),
            "body": _parsed(record.value or b""),
            "at": datetime.fromtimestamp(record.timestamp / 1000, UTC),
            "headers": headers,
        }
        found.append(Row(record.topic, values, record.offset))
    return found


async def everything_on(stage: Stage, topics: Sequence[str]) -> list[Any]:
    """Every record of these topics up to their ends, in order within each partition."""
    consumer = make_consumer(stage.kafka, "copies")
    await consumer.start()
    try:
        places = [place for topic in topics for place in await consumer.partitions(topic)]
        starts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        left = {place for place in places if starts[place] < ends[place]}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, starts[place])
        found = dict[Any, list[Any]]()
        while left:
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                found.setdefault(place, []).extend(batch)
            left = {place for place in left if await consumer.position(place) < ends[place]}
        return [record for place in places for record in found.get(place, ())]
    finally:
        await consumer.stop()


async def redis_keys(stage: Stage) -> list[Row]:
    """All keys with what they hold, and what Redis notes of their use beside it."""
    found = []
    async with Redis.from_url(stage.redis_url) as redis:
        for place, key in enumerate(sorted(await redis.keys("*"))):
            used = await _last_used(redis, key)  # first: to look at a key is to use it
            kind = _text(await redis.type(key))
            held: Any = await redis.hgetall(key) if kind == "hash" else kind
            if kind == "string":
                held = await redis.get(key)
            found.append(Row(f"redis {_text(key)}", {"held": held, **used}, place))
    return found


async def _last_used(redis: Redis, key: bytes | str) -> dict[str, Any]:
    try:
        return {"idle": await redis.object("IDLETIME", key)}
    except ResponseError:  # not kept
        return {}


def kafkas_files(stage: Stage) -> Iterator[tuple[str, bytes]]:
    """All segments, those of deleted and compacted records included: one place per topic's partition."""
    for partition in sorted((stage.home / "kafka" / "data").iterdir()):
        if partition.is_dir():
            yield f"kafka {partition.name.rpartition('-')[0]}", _content(partition)


def files(stage: Stage) -> Iterator[tuple[str, bytes]]:
    """Everything the engines have on disk, logs included: one place per cluster, partition, log."""
    yield from kafkas_files(stage)
    for service in SERVICES:
        yield f"postgres {service}", _content(stage.home / "postgres" / service)
    yield "redis", _content(stage.home / "redis")
    yield from logs(stage)


def logs(stage: Stage) -> Iterator[tuple[str, bytes]]:
    """What engines and services log."""
    for log in sorted(stage.logs.iterdir()):
        yield f"log {log.name}", log.read_bytes()


def stores(
    services: dict[str, list[Row]], kafka: list[Row], aliases: Mapping[str, Collection[str]]
) -> dict[str, Dump]:
    """A dump per alias space. `aliases`: store → its aliases; analytics keeps three spaces in one database."""
    dumps = {}
    for store, own in aliases.items():
        service = store.partition(":")[0]
        rows = [row for row in services[service] if ":" not in store or _mentions(row, own)]
        dumps[store] = Dump(store, rows + [row for row in kafka if row.values["key"] in own])
    return dumps


def profiles(forum: list[Row]) -> dict[str, str]:
    """Profile id → alias: the forum itself says whose pseudonym is whose alias."""
    return {
        row.values["profile_id"]: row.values["alias"]
        for row in forum
        if row.table == "members" and row.values["profile_id"]
    }


def _text(answered: bytes | str) -> str:
    return answered if isinstance(answered, str) else answered.decode()


def _mentions(row: Row, aliases: Collection[str]) -> bool:
    return any(isinstance(value, str) and value in aliases for value in row.values.values())


def _content(folder: Path) -> bytes:
    parts = []
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):
            if path.is_file():
                parts.append(path.read_bytes().rstrip(b"\0"))
    return b"\n".join(parts)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Ids as text, JSON parsed; the system columns stay apart from what the row says."""
    return {name: _said(value) for name, value in values.items() if name not in ("xmin", "xmax")}


def _said(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list):
        return [_said(one) for one in value]
    if isinstance(value, bytes):
        try:
            return [json.loads(value), value]
        except ValueError:
            return value
    return value
