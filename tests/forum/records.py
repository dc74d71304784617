"""Records as a region would publish them, for applying without Kafka."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from sqlalchemy import text

from services.forum.due import DueWork
from services.forum.ids import Home, Identity
from services.forum.replicas.applying import Replicas
from services.forum.settings import Settings
from shared import clock
from shared.bus.records import Received
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.forum import (
    Hide,
    ModerationDecided,
    PostPublished,
    PostReported,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.contracts.payloads.payload import State
from shared.contracts.topics import CATALOGUE, Topic
from shared.database.engine import make_engine, make_sessions
from shared.hlc import HybridLogicalClock, version_at
from tests.forum.people import Place

SOUTH = "south"


def received(payload: Any, origin: str | None, offset: int = 0) -> Received[Any]:
    """The record as it comes from a topic; `origin` is the neighbour whose prefix the topic bears."""
    topic = next(topic for topic in CATALOGUE if type(payload) in topic.payloads)
    body = payload.model_dump_json().encode()
    at = datetime.now(UTC)
    return Received(topic.name, origin, 0, offset, str(payload.id), uuid4(), payload.type, at, payload, body)


@dataclass
class Region:
    """Another region's forum, as far as its records go."""

    name: str = "south"
    home: Home = field(init=False)
    author: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.name, HybridLogicalClock())
        self.author = self.home.profile()

    def profile(self, name: str | None = "Sol", **changed: Any) -> ProfilePresented:
        return ProfilePresented(
            **{
                "id": self.author.id, "home": self.name, "version": self.home.clock.tick(),
                "nonce": self.author.nonce.hex(), "role": "member", "name": name, "mark": 7, **changed,
            }
        )  # fmt: skip

    def thread(self, title: str = "From the south", **changed: Any) -> ThreadOpened:
        return ThreadOpened(**(self._written() | {"title": title, "wish": "listen"} | changed))

    def post(
        self, thread: UUID, body: str = "Words", *, opening: bool = False, **changed: Any
    ) -> PostPublished:
        columns = self._written()
        columns |= {"thread_id": thread, "opening": opening, "body": body, "written": columns["version"]}
        return PostPublished(**(columns | changed))

    def reaction(self, post: UUID, **changed: Any) -> ReactionGiven:
        return ReactionGiven(**(self._written() | {"post_id": post, "kind": "thanks"} | changed))

    def hides(self, target: UUID, *reasons: str, lifts: tuple[UUID, ...] = ()) -> ModerationDecided:
        return ModerationDecided(
            id=f"{target}:{self.name}", home=self.name, version=self.home.clock.tick(), target_id=target,
            target_kind="post", hides=tuple(Hide(id=uuid4(), reason=r) for r in reasons), lifts=lifts,
        )  # fmt: skip

    def reports(self, post: UUID, category: str = "worry", **changed: Any) -> PostReported:
        version = self.home.clock.tick()
        identity = self.home.entity(version)
        columns = {
            "id": identity.id, "home": self.name, "version": version, "nonce": identity.nonce.hex(),
            "post_id": post, "category": category,
        }  # fmt: skip
        return PostReported(**(columns | changed))

    def _written(self) -> dict[str, Any]:
        version = self.home.clock.tick()
        identity = self.home.entity(version)
        return {
            "id": identity.id, "home": self.name, "version": version, "nonce": identity.nonce.hex(),
            "author_id": self.author.id, "author_nonce": self.author.nonce.hex(),
        }  # fmt: skip


async def mirror(settings: Settings, *states: State, topic: Topic | None = None) -> None:
    """Puts south's records into north's Kafka, as MirrorMaker brings them."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        for state in states:
            of = topic or next(each for each in CATALOGUE if type(state) in each.payloads)
            envelope = Envelope(uuid4(), state.type, "peercafe/forum", clock.now())
            await producer.send_and_wait(
                f"{SOUTH}.{of.name}", state.model_dump_json().encode(), str(state.id).encode(),
                headers=envelope.headers(),
            )  # fmt: skip
    finally:
        await producer.stop()


def ahead(by: timedelta) -> int:
    """A version of a clock that is ahead."""
    return version_at(datetime.now(UTC) + by)


class Applying:
    """Applies records as the consumer does, each call one transaction."""

    def __init__(self, place: Place, apart: timedelta = timedelta()) -> None:
        self.home = Home("north", HybridLogicalClock(), apart)
        self.replicas = Replicas(self.home, [SOUTH])
        self.engine = make_engine(place.settings.database_url.get_secret_value(), pool=2)
        self.sessions = make_sessions(self.engine)

    async def apply(self, *records: Any) -> None:
        async with self.sessions() as session, session.begin():
            await self.replicas.apply(session, list(records))

    async def south(self, *payloads: Any) -> None:
        await self.apply(*(received(payload, SOUTH) for payload in payloads))

    async def execute(self, sql: str, **parameters: object) -> None:
        async with self.sessions() as session, session.begin():
            await session.execute(text(sql), parameters)

    async def erase(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).erase()

    async def pass_on(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).pass_on()

    async def tidy(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).tidy()

    async def announce(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).announce()

    async def release_due(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).release_held()

    async def project_again(self) -> None:
        await DueWork(self.sessions, self.home, self.replicas, lambda: None).project_again()
