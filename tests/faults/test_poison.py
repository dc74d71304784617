"""A poisoned record in the middle of a full batch: it is set aside, the other 499 take effect, the partition moves on."""

from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from deploy.kafka.topics import apply as make_topics
from shared import clock
from shared.bus.broker import BATCH, connection
from shared.bus.dead_letters import original, replay
from shared.bus.facts import subscribe_facts
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import Topic
from tests.bus.conftest import Service, eventually, note_down, running

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
GOOD = NOTICE.model_dump_json().encode()
LARGE = 2 * 1024 * 1024
Headers = list[tuple[str, bytes | None]]


def envelope(**changed: bytes | None) -> Headers:
    """Good headers with some of them changed."""
    good = dict(Envelope(uuid4(), NOTICE.type, "peercafe/test", clock.now()).headers())
    return [*(good | changed).items()]


POISONS: dict[str, tuple[Headers, bytes | None, bytes | None, str]] = {
    "null header": (envelope(ce_id=None), GOOD, b"poison", "envelope"),
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
    await _accept_large(service, topic)
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


async def _accept_large(service: Service, topic: Topic) -> None:
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    from shared.bus.broker import make_admin

    admin = make_admin(service.kafka, "test")
    await admin.start()
    try:
        config = topic.config | {"max.message.bytes": str(8 * 1024 * 1024)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, config)])
    finally:
        await admin.close()


async def _put_around(service: Service, topic: Topic, around: int) -> None:
    producer = AIOKafkaProducer(max_request_size=8 * 1024 * 1024, **connection(service.kafka))
    await producer.start()
    try:
        for partition, (headers, value, key, _) in enumerate(POISONS.values()):
            for number in range(around + 1):
                if number == around // 2:
                    await producer.send_and_wait(
                        topic.name, value, key=key, headers=headers, partition=partition
                    )
                else:
                    name = b"%d of %d" % (number, partition)
                    await producer.send(topic.name, GOOD, key=name, headers=envelope(), partition=partition)
    finally:
        await producer.stop()
