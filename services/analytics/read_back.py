"""After a restore, or with a new Kafka: analytics' topics and its database agree again (DESIGN §3)."""

from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics import streams
from services.analytics.models import Study
from services.analytics.settings import Settings
from services.analytics.use_cases import restoring
from shared import clock
from shared.bus.read_back import ReadBack, rows_of
from shared.bus.records import Received
from shared.contracts.payloads.analytics import StudyRecorded, SummaryPublished
from shared.contracts.topics import STUDIES, SUMMARY, research_topic


async def compare(back: ReadBack, settings: Settings, zone: str) -> None:
    """Take studies, their rows and what was published; hear the others; then send what the topics lack."""
    home = settings.region
    recorded: dict[UUID, StudyRecorded] = {}  # of several records of one study the last says how it is
    said: dict[str, SummaryPublished] = {}

    async def take_studies(session: AsyncSession, received: list[Received[Any]]) -> None:
        told = {record.payload.id: record.payload for record in received}
        recorded.update(told)
        await restoring.take_studies(session, told, zone)

    async def take_rows(session: AsyncSession, received: list[Received[Any]]) -> None:
        await restoring.take_rows(session, [record.payload for record in received])

    async def take_summaries(_session: AsyncSession, received: list[Received[Any]]) -> None:
        said.update({record.key: record.payload for record in received})

    await back.take(STUDIES, take_studies)
    started = await _started(back)
    for study_id in started:
        topic = research_topic(study_id)
        await streams.make(settings.kafka, topic, settings.stream_replicas)
        await back.take(topic, take_rows)
    await back.take(SUMMARY, take_summaries)
    async with back.sessions() as session, session.begin():
        await restoring.publish_no_study_twice(session, list(said.values()), recorded)
    await back.take_heard()
    await back.send_again(STUDIES, rows_of(Study, lambda row: row.recorded(home), Study.version.is_not(None)))
    for study_id in started:
        await back.send_again(research_topic(study_id), partial(restoring.rows_of, study_id, home))
    await back.send_again(SUMMARY, partial(restoring.summaries, home))
    async with back.sessions() as session, session.begin():
        await restoring.erase_lost(session, list(recorded.values()), home, clock.now())


async def _started(back: ReadBack) -> list[UUID]:
    async with back.sessions() as session:
        return list(
            await session.scalars(select(Study.id).where(Study.opened_on.is_not(None)).order_by(Study.id))
        )
