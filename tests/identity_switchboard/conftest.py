"""The switchboard on a real database, and people whose aliases it knows."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity.database import sessions_with
from services.identity.keys import Keys
from services.identity.models.participants import Participant
from services.identity.switchboard import endings, engagement, enrolments, journeys, notices, studies
from services.identity.switchboard.addresses import alias_of
from services.identity.switchboard.board import Switchboard
from shared import clock
from shared.bus.inbox import receive
from shared.bus.records import Received
from shared.clock import SettableClock
from shared.contracts.payloads.analytics import StudyRecorded
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import STUDIES, Topic
from shared.database.engine import make_engine
from shared.due import in_batches
from shared.hlc import version_at
from shared.keys import SealingKeys
from tests.engines import Engines

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)  # a Monday; 13:00 in Oslo
SOURCES = ("membership", "forum", "events")


def fact(
    topic: Topic,
    key: UUID | str,
    payload: Payload,
    *,
    at: datetime | None = None,
    event_id: UUID | None = None,
) -> Received[Any]:
    """A record as the bus hands it over."""
    return Received(
        topic=topic.name,
        origin=None,
        partition=0,
        offset=0,
        key=str(key),
        event_id=event_id or uuid4(),
        type=payload.type,
        time=topic.time_cut.cut(at or clock.now()),
        payload=payload,
        body=payload.model_dump_json().encode(),
    )


@dataclass
class Published:
    """A row of the outbox."""

    event_id: UUID
    topic: str
    key: str
    type: str
    occurred_at: datetime
    payload: dict[str, Any]


class Board:
    """Identity's switchboard with its database, as the runners and consumers use it."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions
        self.switchboard = Switchboard("north", "Europe/Oslo", notices_seconds=60, engagement_seconds=3600)
        self.community = uuid4()

    async def joins(
        self, role: str = "member", *, research: bool = True, community: UUID | None = None
    ) -> UUID:
        """Somebody new."""
        async with self.sessions.begin() as session:
            participant = Participant.join(
                role,
                [community or self.community],
                research=research,
                display_name=None,
                keys=session.info["identity-keys"],
                on=clock.today(),
            )
            session.add(participant)
            await enrolments.enrol(session, participant.id)
            return participant.id

    async def alias(self, participant: UUID, audience: str) -> UUID:
        """Their alias there."""
        async with self.sessions.begin() as session:
            return await alias_of(session, participant, audience)

    async def hears(
        self, apply: Callable[..., Awaitable[None]], *received: Received[Any], **options: Any
    ) -> None:
        """What a consumer of facts does with a batch, inbox included."""
        async with self.sessions.begin() as session:
            fresh = await receive(session, f"{apply.__qualname__}{options.get('source')}", list(received))
            if fresh:
                await apply(session, fresh, **options)

    async def hears_notices(self, source: str, *received: Received[Any]) -> None:
        await self.hears(notices.hold, *received, board=self.switchboard, source=source)

    async def hears_acts(self, source: str, *received: Received[Any]) -> None:
        await self.hears(engagement.hold, *received, board=self.switchboard, source=source)

    async def release_notices(self) -> int:
        return await in_batches(self.sessions, notices.release)

    async def release_acts(self) -> int:
        return await in_batches(self.sessions, lambda s: engagement.release(s, self.switchboard))

    async def say_endings(self) -> int:
        return await in_batches(self.sessions, lambda s: endings.say(s, self.switchboard))

    async def settle(self, *, drained: bool = True) -> int:
        """Settle studies as the runner does; returns how many were counted."""

        async def acts_are_handled() -> bool:
            return drained

        await journeys.settle(self.sessions, self.switchboard, acts_are_handled)
        published = await in_batches(self.sessions, lambda s: journeys.publish(s, self.switchboard))
        await in_batches(self.sessions, journeys.forget_days)
        return published

    async def study(self, study: UUID, status: str = "open", **changed: Any) -> None:
        """Analytics tells of a study."""
        recorded = {
            "id": study,
            "home": "north",
            "version": version_at(clock.now()),
            "communities": (self.community,),
            "sources": SOURCES,
            "status": status,
            "opened_at": NOON,
        } | changed
        async with self.sessions.begin() as session:
            await studies.apply(session, [fact(STUDIES, study, StudyRecorded.model_validate(recorded))])

    async def published(self, *topics: Topic) -> list[Published]:
        """What waits in the outbox for these topics (all), in order."""
        rows = await self.fetch(
            "SELECT event_id, topic, key, type, occurred_at, payload FROM outbox ORDER BY seq"
        )
        names = {topic.name for topic in topics}
        return [
            Published(r.event_id, r.topic, r.key, r.type, r.occurred_at, json.loads(r.payload))
            for r in rows
            if not names or r.topic in names
        ]

    async def clear(self) -> None:
        """As if the relay had published everything."""
        async with self.sessions.begin() as session:
            await session.execute(text("DELETE FROM outbox"))

    async def fetch(self, sql: str, **parameters: object) -> list[Any]:
        async with self.sessions() as session:
            return list((await session.execute(text(sql), parameters)).all())


@pytest.fixture
def time() -> Iterator[SettableClock]:
    """The clock, at Monday noon UTC, moved by hand."""
    with clock.stopped_at(NOON) as stopped:
        yield stopped


@pytest.fixture
async def identity_dsn(engines: Engines) -> AsyncIterator[str]:
    """An empty database of identity, dropped after the test: hundreds of them take long to remove at the end."""
    dsn = await engines.database("identity")
    yield dsn
    connection = await asyncpg.connect(await engines.superuser())
    await connection.execute(f"DROP DATABASE {dsn.rpartition('/')[2]} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def board(identity_dsn: str, time: SettableClock) -> AsyncIterator[Board]:
    """A switchboard without anybody."""
    engine = make_engine(identity_dsn, pool=6)
    keys = Keys(secrets.token_bytes(32), secrets.token_bytes(32), SealingKeys({1: secrets.token_bytes(32)}))
    yield Board(sessions_with(engine, keys))
    await engine.dispose()
