"""After a restore, or with a new Kafka: events' topics and its database agree again (DESIGN §3)."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.communities import Community
from services.events.models.gatherings import Gathering
from services.events.use_cases import restoring
from shared import clock
from shared.bus.read_back import ReadBack, rows_of
from shared.bus.records import Received
from shared.contracts.payloads.events import GatheringRecorded
from shared.contracts.topics import COMMUNITIES, GATHERINGS


async def compare(back: ReadBack, home: str) -> None:
    """Take what the topics know, hear who has left, then send what the topics lack."""
    lost: dict[Any, GatheringRecorded] = {}

    async def take_communities(session: AsyncSession, received: list[Received[Any]]) -> None:
        await restoring.take_communities(session, [record.payload for record in received])

    async def take_gatherings(session: AsyncSession, received: list[Received[Any]]) -> None:
        told = [record.payload for record in received]
        missing = await restoring.take_gatherings(session, told, home, clock.now())
        for gathering in told:
            lost.pop(gathering.id, None)  # of several records of one café the last says how it is
        lost.update({gathering.id: gathering for gathering in missing})

    if back.restored:
        async with back.sessions() as session, session.begin():
            await restoring.forget_names(session)
    await back.take(COMMUNITIES, take_communities)
    await back.take(GATHERINGS, take_gatherings)
    await back.take_heard()
    await back.send_again(COMMUNITIES, rows_of(Community, lambda row: row.recorded(home)))
    await back.send_again(GATHERINGS, rows_of(Gathering, lambda row: row.recorded(home)))
    async with back.sessions() as session, session.begin():
        await restoring.erase_lost(session, list(lost.values()), home, clock.now())
