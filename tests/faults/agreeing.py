"""Whether a region's databases and its Kafka say the same."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.bus.reader import reading
from shared.contracts import topics
from shared.settings import KafkaSettings
from tests import tried
from tests.people import eventually
from tests.region.running import RunningRegion

# What each own state topic says, as the database has it. Identity's last words are sealed there: see LAST_WORDS.
STATES = {
    "forum": {
        topic.name: f"SELECT id::text, version, erased FROM {table}"
        for topic, table in (
            (topics.PROFILES, "profiles"),
            (topics.THREADS, "threads"),
            (topics.POSTS, "posts"),
            (topics.REACTIONS, "reactions"),
            (topics.MODERATION, "moderation"),
            (topics.ERASURES, "erasures"),
        )
    },
    "events": {
        topics.COMMUNITIES.name: "SELECT id::text, version, false FROM communities",
        topics.GATHERINGS.name: "SELECT id::text, version, false FROM gatherings",
    },
    "analytics": {
        topics.STUDIES.name: "SELECT id::text, version, false FROM studies WHERE version IS NOT NULL"
    },
}
ROWS = "SELECT alias::text, row_version, erased FROM study_aliases WHERE row_version IS NOT NULL"
LAST_WORDS = "SELECT count(*) FROM last_words WHERE topic = $1"
WAITING = "SELECT count(*) FROM outbox"


@asynccontextmanager
async def database(region: RunningRegion, service: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(region.engines["postgres"][service])
    try:
        yield connection
    finally:
        await connection.close()


async def all_is_sent(region: RunningRegion) -> None:
    """Nothing waits in any outbox."""

    async def waiting() -> int:
        total = 0
        for service in region.engines["postgres"]:
            async with database(region, service) as connection:
                total += await connection.fetchval(WAITING)
        return total

    await eventually(waiting, lambda count: count == 0)


async def said_last(region: RunningRegion, topic: str) -> dict[str, tuple[int, bool, int]]:
    """By key: the last record's version, whether it is erased, and the highest version of all."""
    found: dict[str, tuple[int, bool, int]] = {}
    async with reading(KafkaSettings(bootstrap_servers=region.engines["kafka"])) as reader:
        async for record in reader.records(topic):
            said = json.loads(record.value)
            if "version" in said:  # else a keep-alive
                highest = max(said["version"], found.get(said["id"], (0, False, 0))[2])
                found[said["id"]] = said["version"], said["erased"], highest
    return found


async def agree(region: RunningRegion, study: str) -> int:
    """Compare every row with the last record about it, both ways; returns how many there are."""
    await all_is_sent(region)
    compared = 0
    rows_of_the_study = {topics.research_topic(study).name: ROWS}
    for service, queries in (*STATES.items(), ("analytics", rows_of_the_study)):
        async with database(region, service) as connection:
            for topic, query in queries.items():
                rows = {row[0]: (row[1], row[2]) for row in await connection.fetch(query)}
                said = await said_last(region, topic)
                for key, (version, erased, highest) in said.items():
                    assert version == highest, f"{topic}: compaction would keep an older state of {key}"
                    if key in rows:
                        assert rows[key] in ((version, erased), (version, None)), (
                            f"{topic}: {key} is {rows[key]} here"
                        )
                    else:
                        assert erased, f"{topic} knows {key}, {service} doesn't"
                assert rows.keys() <= said.keys(), f"{topic} lacks what {service} has"
                compared += len(said)
    async with database(region, "identity") as connection:
        for words in (*topics.IDENTITY_AUDIENCES.values(), *topics.STUDY_ALIASES.values()):
            said = await said_last(region, words.name)
            for key, (version, _erased, highest) in said.items():
                assert version == highest, f"{words.name}: compaction would keep an older state of {key}"
            assert await connection.fetchval(LAST_WORDS, words.name) == len(said), words.name
            compared += len(said)
    tried.count("faults", "rows compared after a restore", compared)
    return compared
