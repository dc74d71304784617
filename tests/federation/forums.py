"""Two neighbouring regions as far as their forums go: quicker than whole ones, and a test has every part in hand.

    with two_sites() as sites:                              # engines only: Kafka with its door, Redis, PostgreSQL
        async with sites.north.forum() as north, sites.south.forum() as south:      # tests.forum.people.Place
            ada = await north.member("Ada")
        await sites.south.link(linked=False)                      # as `federation link north stop`
        await sites.north.lose_kafka()                      # an empty one in its place

Engines are started by the classes of `peercafe serve`, links are kept by its `Links`, settings are the embedded region's
with digests every half second. Regions as people run them: regions.py.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.embedded import composition, guard, jars
from deploy.embedded.addresses import Addresses
from deploy.embedded.kafka import Kafka
from deploy.embedded.links import Links
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register
from deploy.embedded.redis import Redis
from deploy.embedded.supervisor import Supervisor
from deploy.federation.neighbours import Federation
from deploy.federation.running import acquaint
from services.forum.replicas.tables import TABLES
from shared.bus.broker import make_admin
from shared.bus.reader import reading
from shared.bus.reading import Raw
from shared.contracts.topics import Topic
from shared.database.migrations import migrate
from shared.settings import KafkaSettings
from tests.federation.regions import other_than
from tests.forum.conftest import PLENTY, running
from tests.forum.people import Place, until
from tests.region.running import ROOT
from tests.tokens import Issuer

FORUM = "forum"
NOWHERE = "http://127.0.0.1:9"  # identity isn't asked: the issuer's keys are known
MIRRORED_SECONDS = 120  # until MirrorMaker has started on a loaded machine
QUICK: dict[str, Any] = {
    "digests_seconds": 0.5,
    "digests_anyway_seconds": 1,
    "metrics_seconds": 0.1,
    "erase_every_seconds": 0.1,
    **dict.fromkeys(("posts", "threads", "profiles", "reads", "exports"), PLENTY),
}


class Site:
    """One region's engines under `data`, and its forum while `forum` runs."""

    def __init__(self, region: str, data: Path) -> None:
        self.region, self.data = region, data
        self.supervisor = Supervisor(data)
        self.issuer = Issuer()

    def start(self) -> None:
        """Start the engines; `federation.json` has to be there."""
        supervisor = self.supervisor
        supervisor.prepare(ROOT / "deploy" / "regions" / f"{self.region}.toml")
        register, secrets = supervisor.register, supervisor.secrets
        postgres = Postgres(
            FORUM, home=supervisor.data, register=register, password=secrets.superuser[FORUM], durable=False
        )
        supervisor.postgres = {FORUM: postgres}
        supervisor.redis = Redis(
            home=supervisor.data, register=register, users=secrets.redis, password=secrets.redis_administrator
        )
        supervisor.kafka = Kafka(
            home=supervisor.data,
            register=register,
            jars=jars.fetch(),
            doorway=Federation.of(self.data).doorway,
        )
        for engine in (postgres, supervisor.redis, supervisor.kafka):
            engine.start()
        postgres.set_up(FORUM, secrets.database[FORUM])
        self.addresses.publish()  # commands find the region by it

    def stop(self) -> None:
        """Stop all that runs."""
        self.supervisor.stop()
        self.supervisor.release()

    @property
    def addresses(self) -> Addresses:
        """Where its engines are."""
        redis, kafka = self.supervisor.running()
        database = {FORUM: self.supervisor.dsn(FORUM).plain}
        return Addresses(self.data, database, redis.url(), kafka.bootstrap, NOWHERE)

    @property
    def kafka(self) -> KafkaSettings:
        """Its own Kafka, from this machine: there one may do everything."""
        return KafkaSettings(bootstrap_servers=self.addresses.kafka)

    @property
    def said_by_kafka(self) -> str:
        """The end of what it says, for a failure."""
        logs = [self.data / "logs" / name for name in ("kafka.log", "kafka-start.log")]
        return "\n".join(log.read_text()[-3000:] for log in logs)

    @asynccontextmanager
    async def links(self, *, by_number: bool = False) -> AsyncIterator[None]:
        """All topics are there, the neighbour may read, and MirrorMaker runs as `federation.json` says.

        `by_number`: nobody looks whether the neighbour's Kafka is another one, as if MirrorMaker were alone.
        """
        links = Links(self.supervisor)
        assert self.supervisor.running()[1].engine.running, self.said_by_kafka
        await links.prepare()
        watching = [links.watch()] if by_number else [links.watch(), links.watch_clusters()]
        tasks = [asyncio.create_task(one) for one in watching]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    @asynccontextmanager
    async def forum(self, *, by_number: bool = False, **changed: Any) -> AsyncIterator[Place]:
        """The region's forum, with its links."""
        await migrate(self.addresses.database(FORUM), FORUM)
        settings = composition.service_settings(
            FORUM,
            self.addresses,
            region=self.region,
            region_file=self.data / "region.toml",
            inner=NOWHERE,
        ).model_copy(update=QUICK | changed)
        async with AsyncExitStack() as ends:
            await ends.enter_async_context(self.links(by_number=by_number))
            app = await ends.enter_async_context(running(settings, self.issuer))
            yield await ends.enter_async_context(Place(app, self.issuer, settings))

    def say_link(self, *, linked: bool) -> None:
        """Whether it is to pull from the neighbour."""
        known = Federation.of(self.data)
        known.linking(other_than(self.region), linked=linked).write(self.data)

    async def link(self, *, linked: bool) -> None:
        """Stop or start pulling from the neighbour, and wait until that is so; `links` has to run."""
        self.say_link(linked=linked)

        async def runs() -> bool:
            mirror = self.supervisor.mirror
            return mirror is not None and mirror.running

        await until(runs, lambda answer: answer is linked)

    async def lose_kafka(self) -> None:
        """In place of its Kafka comes a new one, empty, at the same door. Its forum mustn't run."""
        _, kafka = self.supervisor.running()
        await asyncio.to_thread(self.supervisor.unlink)
        await asyncio.to_thread(kafka.stop)
        shutil.rmtree(kafka.folder / "data")
        await asyncio.to_thread(kafka.start)
        self.addresses.publish()

    async def records(self, topic: str) -> list[Raw]:
        """All that stands on a topic of its Kafka."""
        async with reading(self.kafka) as reader:
            return [record async for record in reader.records(topic)]

    async def put(self, topic: str, value: bytes | None, **record: Any) -> None:
        """A record straight into its Kafka: `key`, `headers`, `partition`, `timestamp_ms` as aiokafka takes them."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka.bootstrap_servers, max_request_size=8 * 1024 * 1024
        )
        try:
            await producer.start()
            await producer.send_and_wait(topic, value, **record)
        finally:
            await producer.stop()

    async def configure(self, topic: Topic, **settings: str) -> None:
        """Other settings of a topic than the catalogue's (underscores for dots), until `links` begins the next time."""
        given = topic.config | {name.replace("_", "."): value for name, value in settings.items()}
        await self._configure(ConfigResource(ConfigResourceType.TOPIC, topic.name, given))

    async def compact_often(self) -> None:
        """Its Kafka looks twice a second for what can be compacted, not every 15 seconds."""
        often = {"log.cleaner.backoff.ms": "500"}
        await self._configure(ConfigResource(ConfigResourceType.BROKER, "1", often))

    async def _configure(self, what: ConfigResource) -> None:
        admin = make_admin(self.kafka, "test")
        try:
            await admin.start()
            await admin.alter_configs([what])
        finally:
            await admin.close()

    def on_disk(self, words: bytes) -> list[str]:
        """The files of its Kafka in which these words stand."""
        _, kafka = self.supervisor.running()
        found = []
        for path in (kafka.folder / "data").rglob("*.log*"):  # also what is about to be deleted
            with suppress(FileNotFoundError):  # compaction took it away meanwhile
                if words in path.read_bytes():
                    found.append(os.fspath(path.relative_to(kafka.folder)))
        return found


@dataclass
class Sites:
    """Two neighbours."""

    north: Site
    south: Site


@contextmanager
def two_sites() -> Iterator[Sites]:
    """Engines of both started, each the other's neighbour; stopped with the block, or when the test run dies."""
    home = Path(tempfile.mkdtemp(prefix="peercafe-forums-"))
    datas = {region: home / region for region in ("north", "south")}
    watching = guard.watch(home, *(Register(data / "processes.json") for data in datas.values()))
    sites: list[Site] = []
    try:
        acquaint(datas)
        sites += [Site(region, data) for region, data in datas.items()]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Site.start, sites))
        yield Sites(*sites)
    finally:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Site.stop, sites))
        assert watching.stdin is not None
        watching.stdin.close()
        watching.wait(60)


async def states(place: Place) -> set[tuple[str, str, str, int, bool]]:
    """What a forum's database says of the whole shared forum: kind, id, home, version, erased."""
    return {
        (table.name, row["id"], row["home"], row["version"], row["erased"])
        for table in TABLES.values()
        for row in await place.rows(f"SELECT id::text, home, version, erased FROM {table.name}")
    }


async def agree(one: Place, other: Place) -> None:
    """Until both databases say the same."""

    async def differences() -> set[tuple[str, str, str, int, bool]]:
        return await states(one) ^ await states(other)

    await until(differences, lambda found: not found, seconds=MIRRORED_SECONDS)


async def found_in_tables(connection: Any, words: str) -> list[str]:
    """The tables of a database in which these words stand, as text or in bytes."""
    patterns = [f"%{words}%", f"%{words.encode().hex()}%"]
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [
        name
        for (name,) in names
        if await connection.fetchval(f"SELECT count(*) FROM {name} t WHERE t::text LIKE ANY ($1)", patterns)
    ]
