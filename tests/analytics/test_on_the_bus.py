"""Analytics within Kafka: records in, figures, streams and the publication out."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared.bus.reader import reading
from shared.contracts import topics
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.activity import EngagementRecorded
from shared.contracts.payloads.events import GatheringRecorded
from shared.contracts.payloads.identity import StudyAlias, StudyJourneys
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings
from tests.analytics.conftest import HOME, Analytics, running, settings
from tests.engines import Engines

DEADLINE = 60.0


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    """Poll until something is so; fails after a minute."""
    deadline = monotonic() + DEADLINE
    while not await seen():
        assert monotonic() < deadline, "it didn't become so in time"
        await asyncio.sleep(0.05)


class Others:
    """Identity and events, as far as their topics go."""

    def __init__(self, producer: AIOKafkaProducer, analytics: Analytics) -> None:
        self.producer = producer
        self.day = datetime.combine(analytics.today, time(), UTC)

    async def send(self, topic: Topic, key: UUID, payload: Payload, *, event_id: UUID | None = None) -> None:
        envelope = Envelope(event_id or uuid4(), payload.type, "peercafe/tests", self.day)
        await self.producer.send_and_wait(
            topic.name, payload.model_dump_json().encode(), key=str(key).encode(), headers=envelope.headers()
        )

    async def engage(self, source: str, alias: UUID, study: UUID, kind: str, **kept: Any) -> None:
        record = EngagementRecorded(study_id=study, kind=kind, day=self.day.date())
        await self.send(topics.ENGAGEMENT[source], alias, record, **kept)


async def read(engines: Engines, topic: str) -> dict[str, dict[str, Any]]:
    """The last record of each key."""
    async with reading(KafkaSettings(bootstrap_servers=engines.kafka)) as reader:
        return {record.key.decode(): json.loads(record.value) async for record in reader.records(topic)}


async def test_a_study_lives_from_its_records_to_its_streams(engines: Engines) -> None:
    await engines.fresh_kafka_topics()
    dsn = await engines.database("analytics")
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka)
    await producer.start()
    try:
        async with running(settings(engines, dsn, close_every_seconds=0.05)) as analytics:
            await play(analytics, Others(producer, analytics), engines)
    finally:
        await producer.stop()


async def play(analytics: Analytics, others: Others, engines: Engines) -> None:
    community = uuid4()
    study = await analytics.open_study([community])
    people = [uuid4() for _ in range(10)]
    for alias in people:
        record = StudyAlias(id=alias, home=HOME, version=1, study_id=study, source="forum")
        await others.send(topics.STUDY_ALIASES["forum"], alias, record)
        await others.engage("membership", uuid4(), study, "member")
        twice = uuid4()
        await others.engage("forum", alias, study, "view", event_id=twice)
        await others.engage("forum", alias, study, "view", event_id=twice)
        await others.engage("forum", alias, study, "post")
    cafe = GatheringRecorded(
        id=uuid4(), home=HOME, version=1, community_id=community, day=others.day.date(), head_count=9
    )
    await others.send(topics.GATHERINGS, cafe.id, cafe)

    async def all_there() -> bool:
        figures = await analytics.figures(study)
        return (figures["members"], figures["posts"], figures["largest_cafe"]) == (10, 10, 9)

    await until(all_there)
    assert (await analytics.figures(study))["views"] == 10  # each delivered twice, counted once

    gone = StudyAlias(id=people[0], home=HOME, version=2, erased=True, study_id=study, source="forum")
    await others.send(topics.STUDY_ALIASES["forum"], people[0], gone)
    await others.engage("forum", people[0], study, "post")

    async def nine_wrote() -> bool:
        return bool((await analytics.figures(study))["members_who_wrote"] == 9)

    await until(nine_wrote)
    await analytics.close_study(study)
    rows = {"membership": 10, "forum": 21, "events": 0}
    await others.send(topics.JOURNEYS, study, StudyJourneys(id=study, home=HOME, version=1, rows=rows))

    async def is_published() -> bool:
        return (await analytics.call("GET", f"/studies/{study}/published")).status_code == 200

    await until(is_published)

    async def all_out() -> bool:
        return await analytics.rows_of("SELECT 1 FROM outbox") == []

    await until(all_out)
    stream = await read(engines, f"local.research.{study}.v1")
    assert len([row for row in stream.values() if row["source"] == "forum"]) == 10
    assert (stream[str(people[0])]["erased"], stream[str(people[0])]["days"]) == (True, {})
    assert stream[str(people[1])]["days"] == {str(others.day.date()): {"post": 1, "view": 1}}
    summary = await read(engines, topics.SUMMARY.name)
    published = {record["metric"]: record["value"] for record in summary.values()}
    assert (published["members"], published["posts"], published["members_who_wrote"]) == (10, 9, None)
