"""A poisoned record in the middle of a full batch: it is set aside, the other 499 take effect, the partition moves on."""

import struct
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from deploy.kafka.topics import apply as make_topics
from deploy.kafka.topics import configure
from shared import clock
from shared.bus.broker import BATCH, connection
from shared.bus.dead_letters import original, replay
from shared.bus.facts import subscribe_facts
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import Topic
from tests import tried
from tests.bus.conftest import Service, eventually, note_down, running

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
GOOD = NOTICE.model_dump_json().encode()
LARGE = 2 * 1024 * 1024
NOT_UTF8, IN_ITS_PLACE = "\udcff\udcfe", "zz"  # no client of ours can write such a name; see `put_by_bytes`
Headers = list[tuple[str, bytes | None]]


def envelope(**changed: bytes | None) -> Headers:
    """Good headers with some of them changed."""
    good = dict(Envelope(uuid4(), NOTICE.type, "peercafe/test", clock.now()).headers())
    return [*(good | changed).items()]


POISONS: dict[str, tuple[Headers, bytes | None, bytes | None, str]] = {
    "null header": (envelope(ce_id=None), GOOD, b"poison", "envelope"),
    "bad UTF-8 in a header's name": (
        [(NOT_UTF8 if name == "ce_id" else name, value) for name, value in envelope()],
        GOOD,
        b"poison",
        "envelope",
    ),
    "bad UTF-8": (envelope(ce_type=b"\xff\xfe"), GOOD, b"poison", "envelope"),
    "bad JSON": (envelope(), b'{"category": ', b"poison", "payload"),
    "bad UTF-8 in a text": (
        envelope(),
        b'{"category": "\xff\xfe", "urgency": "ordinary"}',
        b"poison",
        "payload",
    ),
    "unknown schema": (envelope(ce_type=b"peercafe.unheard.of.v9"), GOOD, b"poison", "unknown-type"),
    "unexpected null": (envelope(), b'{"category": null, "urgency": "ordinary"}', b"poison", "payload"),
    "tombstone": (envelope(), None, b"poison", "no-body"),
    "2 MB": (envelope(), b'{"category": "' + b"x" * LARGE + b'"}', b"poison", "payload"),
    "2 MB of header": ([*envelope(ce_id=b"x" * LARGE)], GOOD, b"poison", "envelope"),
    "2 MB of key": (envelope(), b"{", b"k" * LARGE, "payload"),
    "deep JSON": (envelope(), b"[" * 100_000, b"poison", "payload"),
}


@pytest.mark.parametrize("around", [0, BATCH - 1], ids=["alone", "in a full batch"])
async def test_each_kind_of_poison_is_set_aside_and_nothing_else(service: Service, around: int) -> None:
    topic = replace(service.facts, name=f"{service.facts.name}-large", partitions=len(POISONS))
    await make_topics(service.kafka, [topic])
    await configure(service.kafka, topic.name, topic.config | {"max.message.bytes": str(8 * 1024 * 1024)})
    await _put_around(service, topic, around)
    group = service.group("poison")
    bus = service.bus()
    subscribe_facts(bus, topic, group=group, apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has_dead_letters(len(POISONS)), within=60)
        await eventually(lambda: bus.health().lag == {group: 0} and not bus.consumers[group].progress.busy)
        assert bus.health().ready
    assert len(await service.fetch("SELECT DISTINCT key FROM notes")) == around * len(POISONS)
    assert len(await service.fetch("SELECT key FROM notes")) == around * len(POISONS)
    assert await service.committed(group) == {
        TopicPartition(topic.name, partition): around + 1 for partition in range(len(POISONS))
    }
    letters = await service.dead_letters()
    found = {one.letter.partition: (one.letter.offset, one.letter.error) for one in letters}
    assert found == {
        partition: (around // 2, error) for partition, (*_, error) in enumerate(POISONS.values())
    }
    for one in letters:
        _, value, key, _ = [*POISONS.values()][one.letter.partition]
        shown = await original(service.kafka, one.letter)
        assert shown is not None
        assert (shown.key, shown.value) == (key, value)
    outcomes = await replay(service.kafka, "forum", bus.consumers, {one.id for one in letters})
    assert {one.id: one.error for one in outcomes} == {one.id: one.letter.error for one in letters}
    assert len(await service.dead_letters()) == len(POISONS), "still poison, and each still there once"
    tried.count("faults", "poison records", len(POISONS))


async def test_a_strangers_header_whose_name_is_not_utf8_holds_up_nothing(service: Service) -> None:
    producer = AIOKafkaProducer(**connection(service.kafka))
    await producer.start()
    try:
        await producer.client.set_topics([service.facts.name])
        place = TopicPartition(service.facts.name, 0)
        await put_by_bytes(producer, place, [(NOT_UTF8, b"zz"), *envelope()], GOOD, b"odd")
    finally:
        await producer.stop()
    await service.put(service.facts.name, NOTICE, key=b"after")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("stranger"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'after'"))
    assert [row.key for row in await service.fetch("SELECT key FROM notes")] == ["odd", "after"]
    assert await service.dead_letters() == []


async def put_by_bytes(
    producer: AIOKafkaProducer,
    place: TopicPartition,
    headers: Headers,
    value: bytes | None,
    key: bytes | None,
) -> None:
    """Put a record whose header's name isn't UTF-8, as a client that doesn't look could."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, LARGE)
    clean = [(name.replace(NOT_UTF8, IN_ITS_PLACE), content) for name, content in headers]
    builder.append(0, int(clock.now().timestamp() * 1000), key, value, clean)
    content = bytes(builder.build()).replace(IN_ITS_PLACE.encode(), b"\xff\xfe")
    batch = content[:17] + struct.pack(">I", calc_crc32c(content[21:])) + content[21:]
    request = ProduceRequest(None, -1, 10_000, [(place.topic, [(place.partition, batch)])])

    async def taken() -> bool:
        await producer.client.force_metadata_update()
        answer = await producer.client.send(producer.client.cluster.leader_for_partition(place), request)
        [(_, [(_, error, *_)])] = answer.topics
        assert error in (0, NotLeaderForPartitionError.errno), "which a topic just made answers for a moment"
        return bool(error == 0)

    await eventually(taken)


async def _put_around(service: Service, topic: Topic, around: int) -> None:
    producer = AIOKafkaProducer(max_request_size=8 * 1024 * 1024, **connection(service.kafka))
    await producer.start()
    try:
        for partition, (headers, value, key, _) in enumerate(POISONS.values()):
            for number in range(around + 1):
                if number == around // 2 and NOT_UTF8 in dict(headers):
                    await producer.flush()
                    await put_by_bytes(producer, TopicPartition(topic.name, partition), headers, value, key)
                elif number == around // 2:
                    await producer.send_and_wait(
                        topic.name, value, key=key, headers=headers, partition=partition
                    )
                else:
                    name = b"%d of %d" % (number, partition)
                    await producer.send(topic.name, GOOD, key=name, headers=envelope(), partition=partition)
    finally:
        await producer.stop()
