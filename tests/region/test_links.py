"""A link between two real Kafkas, piece by piece: what MirrorMaker brings, what it says of itself, how it begins anew."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from deploy.embedded import guard, jars
from deploy.embedded.kafka import Kafka
from deploy.embedded.mirror_maker import MirrorMaker
from deploy.embedded.ports import free_port
from deploy.embedded.processes import Register
from deploy.federation.admitting import admit
from deploy.federation.catching_up import CatchingUp
from deploy.federation.lag import Lag, lags, settings_of
from deploy.federation.neighbours import Doorway, Neighbour, mirrored_topics
from deploy.federation.resetting import MirroredClusters, forget_offsets
from deploy.kafka.topics import apply
from shared.bus.agreement import cluster_of
from shared.bus.broker import connection
from shared.bus.reader import reading
from shared.contracts.topics import CATALOGUE, COMMUNITIES, POSTS
from shared.settings import KafkaSettings
from tests.people import eventually

pytestmark = pytest.mark.timeout(400)
MIRRORED_SECONDS = 90
COPY = POSTS.mirrored_from("north").name


@dataclass
class Pair:
    """North, and south that pulls from it."""

    north: Kafka
    south: Kafka
    mirror: MirrorMaker

    @property
    def neighbour(self) -> Neighbour:
        return self.mirror.neighbours[0]

    @property
    def at_north(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.north.bootstrap)

    @property
    def at_south(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.south.bootstrap)

    async def set_up(self) -> None:
        await apply(self.at_north, CATALOGUE)
        await apply(self.at_south, [*CATALOGUE, *mirrored_topics(["north"])])
        await admit(self.at_north, {"south": self.neighbour.password})

    async def write(self, count: int, *, compressed: str | None = None) -> set[bytes]:
        """New posts in north's topic."""
        keys = [uuid4().hex.encode() for _ in range(count)]
        producer = AIOKafkaProducer(compression_type=compressed, linger_ms=20, **connection(self.at_north))
        try:
            await producer.start()
            sent = [
                await producer.send(POSTS.name, b"words " * 50, key=key, timestamp_ms=1_700_000_000_000)
                for key in keys
            ]
            await producer.send_and_wait(COMMUNITIES.name, b"stays at home", key=b"k")
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
        return set(keys)

    async def copied(self) -> list[Any]:
        async with reading(self.at_south) as reader:
            return [record async for record in reader.records(COPY)]

    async def until_copied(self, keys: set[bytes]) -> list[Any]:
        return await eventually(
            self.copied, lambda there: keys <= {record.key for record in there}, seconds=MIRRORED_SECONDS
        )

    async def waiting(self) -> Lag:
        # Kafka knows a new password a moment after it was told.
        found = await eventually(
            lambda: lags(self.at_south, self.neighbour, "south"), lambda found: found is not None
        )
        return next(lag for lag in found or () if lag.topic == POSTS.name)


@pytest.fixture(scope="module")
def kafkas() -> Iterator[Pair]:
    home = Path(tempfile.mkdtemp(prefix="peercafe-links-"))
    registers = {region: Register(home / region / "processes.json") for region in ("north", "south")}
    for register in registers.values():
        register.path.parent.mkdir()
    watching = guard.watch(home, *registers.values())
    doorway, fetched = Doorway("127.0.0.1", free_port()), jars.fetch()
    north = Kafka(home=home / "north", register=registers["north"], jars=fetched, doorway=doorway)
    south = Kafka(home=home / "south", register=registers["south"], jars=fetched)
    mirror: MirrorMaker | None = None
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda kafka: kafka.start(), (north, south)))
        mirror = MirrorMaker(
            home=home / "south",
            register=registers["south"],
            jars=fetched,
            region="south",
            bootstrap=south.bootstrap,
            neighbours=[Neighbour("north", doorway.place, "the right one")],
        )
        yield Pair(north, south, mirror)
    finally:
        for engine in (mirror, north, south):
            if engine is not None:
                engine.stop()
        assert watching.stdin is not None
        watching.stdin.close()
        watching.wait(60)


@pytest.fixture
async def pair(kafkas: Pair) -> Pair:
    """Linked."""
    await kafkas.set_up()
    if not kafkas.mirror.running:
        kafkas.mirror.start()
    return kafkas


async def test_records_come_as_they_are_and_nothing_of_the_regions_own(pair: Pair) -> None:
    plain = await pair.until_copied(await pair.write(5))
    assert {record.timestamp for record in plain} == {1_700_000_000_000}
    packed = await pair.until_copied(await pair.write(5, compressed="gzip"))
    async with reading(pair.at_north) as reader:
        origin = {record.key: record async for record in reader.records(POSTS.name)}
    assert all(record.partition == origin[record.key].partition for record in packed)
    written = b"".join(path.read_bytes() for path in pair.south.folder.glob(f"data/{COPY}-*/*.log"))
    assert written.count(b"words " * 50) == len(packed)  # nothing is packed in the copy
    everything = b"".join(path.read_bytes() for path in pair.south.folder.rglob("*.log"))
    assert b"stays at home" not in everything


async def test_what_waits_is_told_in_records_and_seconds(pair: Pair) -> None:
    await pair.until_copied(await pair.write(1))
    assert (await eventually(pair.waiting, lambda lag: not lag.records)).seconds == 0
    pair.mirror.stop()
    late = await pair.write(7)
    lag = await pair.waiting()
    assert (lag.records, lag.shrunk) == (7, False)
    assert lag.seconds is not None
    assert lag.seconds > 1000
    pair.mirror.start()
    await pair.until_copied(late)
    await eventually(pair.waiting, lambda lag: not lag.records)


async def test_a_neighbour_that_lost_its_kafka_is_noticed_and_mirrored_from_its_beginning(
    pair: Pair, tmp_path: Path
) -> None:
    await pair.until_copied(await pair.write(40))
    await eventually(pair.waiting, lambda lag: not lag.records)
    clusters = MirroredClusters(tmp_path)
    catching_up = CatchingUp(pair.at_south, "south", clusters)
    nowhere = CatchingUp(
        KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"), "south", clusters
    )  # our own Kafka is away
    assert await catching_up.waits_for(pair.neighbour)  # nobody knows of which cluster the notes are
    door = settings_of(pair.neighbour, "south")
    assert not clusters.is_another("north", await cluster_of(door))
    assert not await catching_up.waits_for(pair.neighbour)
    assert await nowhere.waits_for(pair.neighbour)
    await asyncio.to_thread(pair.mirror.stop)
    await asyncio.to_thread(pair.north.stop)
    shutil.rmtree(pair.north.folder / "data")
    await asyncio.to_thread(pair.north.start)
    await pair.set_up()
    again = await pair.write(10)
    assert (await pair.waiting()).shrunk
    # As many were mirrored of the old one as the new one has, and more.
    assert await catching_up.waits_for(pair.neighbour)
    cluster = await cluster_of(door)
    assert clusters.is_another("north", cluster)
    await forget_offsets(pair.at_south, "north")
    await forget_offsets(pair.at_south, "north")
    clusters.note("north", cluster)
    assert not clusters.is_another("north", cluster)
    assert await catching_up.waits_for(pair.neighbour)
    pair.mirror.start()
    await pair.until_copied(again)
    await eventually(lambda: catching_up.waits_for(pair.neighbour), lambda waits: not waits)
    assert not (await eventually(pair.waiting, lambda lag: not lag.records)).shrunk
