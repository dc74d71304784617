"""A neighbour's posts taken into the forum's tables: in batches by the product, or each in a transaction of its own."""

import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.consuming import Stopwatch, a_group, bare, by_bus
from benchmarks.lines import Line, Result, interleaved
from benchmarks.neighbour import SOUTH, fresh_topics, posts_of, publish
from benchmarks.service import Service, service_on
from services.forum.ids import ALWAYS, Home
from services.forum.replicas.announcing import SETTLE
from services.forum.replicas.applying import Replicas
from services.forum.replicas.marking import buckets_of
from services.forum.replicas.tables import TABLES
from services.forum.rules.believing import fault_of
from shared import clock
from shared.bus.bus import Bus
from shared.bus.reading import Source, read
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.topics import NOTICES_REQUESTED, POSTS
from shared.database.statements import Named
from shared.hlc import HybridLogicalClock, milliseconds
from shared.outbox import add as outbox
from tests.engines import Engines

RECORDS, ONE_BY_ONE = 20_000, 1_000
HERE = "north"
COPY = POSTS.mirrored_from(SOUTH)
TABLE = TABLES[POSTS.name]

APPLYING = Line(
    "applying a neighbour's posts",
    "raw asyncpg and aiokafka: the same statements, one transaction and one offset commit for each post",
    10,
    40,
)

UPSERT, COUNT = (Named(statement.text) for statement in (TABLE.upsert, SETTLE))
APPLIED = (
    "SELECT id, version, body_html, counted, announced_at IS NOT NULL AS announced, received FROM posts"
    " WHERE $1::uuid[] IS NULL OR id = ANY ($1) ORDER BY id"
)


async def by_replicas(service: Service) -> float:
    """Posts a second by the forum's own consumer."""
    watch = Stopwatch(RECORDS)
    replicas = Replicas(Home(HERE, HybridLogicalClock()), [SOUTH])

    async def apply(session: AsyncSession, received: list[Received[Any]]) -> None:
        await replicas.apply(session, received)
        watch.received(len(received))

    def subscribe(bus: Bus) -> None:
        subscribe_state(bus, POSTS, group=a_group(), apply=apply, mirrored_from=[SOUTH], reduced=False)

    return await by_bus(service, subscribe, watch)


async def one_by_one(service: Service) -> float:
    """Posts a second when each is taken for itself."""
    consumer, watch = bare(service, COPY), Stopwatch(ONE_BY_ONE)
    source = Source(POSTS, SOUTH)
    await consumer.start()
    try:
        async with service.connected() as database:
            async for record in consumer:
                received = read(record, source)
                assert received is not None
                await _apply_one(database, received)
                await consumer.commit()
                watch.received(1)
                watch.stored()
                if watch.done.is_set():
                    break
        return watch.rate
    finally:
        await consumer.stop()


async def _apply_one(database: asyncpg.Connection, received: Received[PostPublished]) -> None:
    post, at = received.payload, clock.now()
    assert fault_of(post, key=received.key, origin=SOUTH, region=HERE, neighbours=[SOUTH]) is None
    records = json.dumps([TABLE.row(post, json.loads(received.body))])
    buckets = buckets_of("posts", [received], milliseconds(at))
    taken = {"records": records, "at": at, "buckets": buckets, "apart": timedelta()}
    async with database.transaction():
        await database.execute(UPSERT.sql, *UPSERT.arguments(taken))
        await database.fetch(COUNT.sql, *COUNT.arguments(_counting(post, at)))


def _counting(post: PostPublished, at: datetime) -> dict[str, object]:
    notice = outbox.row(NOTICES_REQUESTED["forum"], "", NoticeRequested(category="replies"), at=at)
    return notice | {"ids": [post.id], "last": [None], "highest": [None], "at": at, "standing": ALWAYS}


async def require_agreement(ours: Service, theirs: Service) -> None:
    """What was taken one by one stands in both databases alike, and all is in ours."""
    async with theirs.connected() as database:
        few = await database.fetch(APPLIED, None)
    async with ours.connected() as database:
        same = await database.fetch(APPLIED, [row["id"] for row in few])
        count = await database.fetchval("SELECT count(*) FROM posts WHERE announced_at IS NOT NULL")
    assert (len(few), count) == (ONE_BY_ONE, RECORDS), (len(few), count)
    assert [tuple(row) for row in few] == [tuple(row) for row in same]


async def measure(engines: Engines) -> list[Result]:
    """Each round fills a database of its own: a second time the same posts would change nothing."""
    await publish(await fresh_topics(engines, SOUTH), posts_of(SOUTH, RECORDS), SOUTH)
    filled: dict[str, Service] = {}

    async def ours() -> float:
        filled["ours"] = await service_on(engines)
        return await by_replicas(filled["ours"])

    async def theirs() -> float:
        filled["theirs"] = await service_on(engines)
        return await one_by_one(filled["theirs"])

    await ours()
    result = await interleaved(APPLYING, ours, theirs)
    await require_agreement(filled["ours"], filled["theirs"])
    result.notes = f"{max(result.ours):,.0f} posts a second at best"
    return [result]
