"""What a neighbour may do in our Kafka, tried at the listener for neighbours."""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from deploy.embedded import guard, jars
from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import free_port
from deploy.embedded.processes import Register
from deploy.federation.admitting import admit
from deploy.federation.lag import settings_of
from deploy.federation.neighbours import Doorway, Neighbour
from deploy.kafka.topics import apply
from shared.bus.broker import connection, make_admin, make_producer
from shared.bus.reader import reading
from shared.contracts.topics import CATALOGUE, COMMUNITIES, POSTS
from shared.settings import KafkaSettings

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    home = Path(tempfile.mkdtemp(prefix="peercafe-doorway-"))
    register = Register(home / "processes.json")
    watching = guard.watch(home, register)
    kafka = Kafka(home=home, register=register, jars=jars.fetch(), doorway=Doorway("127.0.0.1", free_port()))
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()
        assert watching.stdin is not None
        watching.stdin.close()
        watching.wait(60)


@pytest.fixture
async def own(kafka: Kafka) -> AsyncIterator[KafkaSettings]:
    """As this machine reaches it, with a post and a community in it."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap)
    await apply(settings, CATALOGUE)
    await publish(settings, POSTS.name, COMMUNITIES.name)
    yield settings
    await admit(settings, {}, ["south"])


def at_the_door(kafka: Kafka, password: str) -> KafkaSettings:
    assert kafka.doorway is not None
    return settings_of(Neighbour("north", kafka.doorway.place, password), "south")


async def publish(settings: KafkaSettings, *topics: str) -> None:
    producer = make_producer(settings, "test")
    try:
        await producer.start()
        for topic in topics:
            await producer.send_and_wait(topic, b"{}", key=b"k")
    finally:
        await producer.stop()


async def read(settings: KafkaSettings, topic: str) -> list[Any]:
    async with reading(settings) as reader:
        return [record async for record in reader.records(topic)]


async def test_a_neighbour_reads_what_is_shared_and_sees_no_more(kafka: Kafka, own: KafkaSettings) -> None:
    await admit(own, {"south": "the right one"})
    there = at_the_door(kafka, "the right one")
    assert await read(there, POSTS.name)
    admin = make_admin(there, "test")
    try:
        await admin.start()
        assert set(await admin.list_topics()) == {topic.name for topic in CATALOGUE if topic.mirrored}
    finally:
        await admin.close()
    with pytest.raises(KafkaError):
        await read(there, COMMUNITIES.name)


async def test_a_neighbour_writes_nothing(kafka: Kafka, own: KafkaSettings) -> None:
    await admit(own, {"south": "the right one"})
    before = await read(own, POSTS.name)
    there = at_the_door(kafka, "the right one")
    with pytest.raises(ClusterAuthorizationFailedError):
        await publish(there, POSTS.name)
    producer = AIOKafkaProducer(**connection(there))  # which asks for less than ours do
    try:
        await producer.start()
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(POSTS.name, b"{}", key=b"k")
    finally:
        await producer.stop()
    assert len(await read(own, POSTS.name)) == len(before)


@pytest.mark.parametrize("length", [20_000, 50_000_000])
async def test_who_says_not_who_they_are_and_announces_much_is_hung_up_on(
    kafka: Kafka, own: KafkaSettings, length: int
) -> None:
    assert kafka.doorway is not None
    reader, writer = await asyncio.open_connection(kafka.doorway.address, kafka.doorway.port)
    await announce(reader, writer, length)
    assert kafka.engine.running
    assert await read(own, POSTS.name)


async def test_nobody_on_this_machine_announces_more_than_the_heap_has_room_for(
    kafka: Kafka, own: KafkaSettings
) -> None:
    host, _, port = kafka.bootstrap.partition(":")
    await announce(*await asyncio.open_connection(host, int(port)), 50_000_000)
    assert kafka.engine.running
    assert await read(own, POSTS.name)


async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> None:
    """How long the next request is, and nothing of it; returns when the broker has ended the connection."""
    try:
        writer.write(struct.pack(">i", length))
        async with asyncio.timeout(15):
            with suppress(ConnectionError):
                assert await reader.read() == b""
    finally:
        writer.close()


async def test_only_who_was_let_in_and_stays_is_heard(kafka: Kafka, own: KafkaSettings) -> None:
    await admit(own, {"south": "the right one"})
    with pytest.raises(KafkaError):
        await read(at_the_door(kafka, "a wrong one"), POSTS.name)
    with pytest.raises((KafkaError, TimeoutError)):  # not at the listener for this machine's own
        await read(KafkaSettings(bootstrap_servers=at_the_door(kafka, "").bootstrap_servers), POSTS.name)
    await admit(own, {}, ["south"])
    with pytest.raises(KafkaError):
        await read(at_the_door(kafka, "the right one"), POSTS.name)
    await admit(own, {"south": "another one"})
    assert await read(at_the_door(kafka, "another one"), POSTS.name)
