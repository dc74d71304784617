"""Rows waiting in an outbox, and what became of them on their topic."""

from collections import defaultdict
from dataclasses import dataclass

from benchmarks.service import Service
from shared.bus.reader import reading
from shared.contracts.topics import Topic

KEYS, BYTES = 2_000, 600

FILL = """INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
    SELECT gen_random_uuid(), $1, 'key-' || (n % $2), $3, TIMESTAMPTZ '2026-11-01', convert_to(repeat('x', $4), 'UTF8')
    FROM generate_series(1, $5) n"""


class LostOrReordered(AssertionError):
    """The topic doesn't tell what the outbox was told."""


@dataclass(frozen=True)
class Waiting:
    """Event ids of the rows that wait, by key, in their order."""

    by_key: dict[str, list[str]]


async def fill(service: Service, topic: Topic, rows: int) -> None:
    """An outbox of that many rows and nothing else, as after a burst of writes."""
    async with service.connected() as connection:
        await connection.execute("TRUNCATE outbox, outbox_sent")
        await connection.execute(FILL, topic.name, KEYS, topic.payloads[0].type, BYTES, rows, timeout=300)
        await connection.execute("ANALYZE outbox")


async def waiting(service: Service) -> Waiting:
    """What is to be published."""
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    async with service.connected() as connection:
        for row in await connection.fetch("SELECT key, event_id FROM outbox ORDER BY seq"):
            by_key[row["key"]].append(str(row["event_id"]))
    return Waiting(dict(by_key))


async def left(service: Service) -> int:
    """How many rows wait."""
    async with service.connected() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))


async def require_all(service: Service, topic: Topic, expected: Waiting) -> int:
    """Read the topic; returns how many records came twice (at least once is the promise).

    Raises LostOrReordered when a row is missing, or a key's rows first came in another order.
    """
    seen: defaultdict[str, dict[str, None]] = defaultdict(dict)
    records = 0
    async with reading(service.settings.kafka) as reader:
        async for record in reader.records(topic.name):
            records += 1
            seen[record.key.decode()].setdefault(dict(record.headers)["ce_id"].decode())
    rows = 0
    for key, event_ids in expected.by_key.items():
        rows += len(event_ids)
        came = list(seen.get(key, ()))
        if came != event_ids:
            missing = len(set(event_ids) - set(came))
            raise LostOrReordered(f"{key}: {missing} of {len(event_ids)} rows missing, or in another order")
    return records - rows
