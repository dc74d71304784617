"""The dead letters' own topic is away: no offset moves over what can't be set aside, and all goes on once it is back."""

import pytest
from aiokafka.structs import TopicPartition

from deploy.kafka.topics import apply as make_topics
from shared.bus.broker import make_admin
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.bus.state import subscribe_state
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import DEAD_LETTERS
from tests import tried
from tests.bus.conftest import Service, eventually, note_down, running, thread_opened

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")


@pytest.mark.parametrize("kind", ["facts", "states"])
async def test_nothing_is_passed_over_that_cannot_be_set_aside(
    service: Service, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.burying.BURY_SECONDS", 0.5)
    service.name = "notifications"
    queue = DEAD_LETTERS["notifications"]
    await _delete(service, queue.name)
    bus, group = service.bus(), service.group("no-queue")
    name, good = _subscribed(bus, service, kind, group)
    await service.put(name, good, key=b"before")
    await service.put(name, headers=[], value=b"{}", key=b"poison")
    await service.put(name, good, key=b"after")
    consumer = bus.consumers[group]

    async def is_decided() -> bool:
        return consumer.progress.failures >= 2 or await service.committed(group) != {}

    async with running(bus):
        await eventually(is_decided)
        assert await service.committed(group) == {}, "an offset moved over a record that is nowhere else"
        assert not bus.health().ready
        assert bus.health().live
        await make_topics(service.kafka, [queue])
        await eventually(lambda: service.has_dead_letters(1))
        await eventually(lambda: bus.health().ready)
    assert await service.committed(group) == {TopicPartition(name, 0): 3}
    kept = [row.key for row in await service.fetch("SELECT DISTINCT key FROM notes ORDER BY key")]
    assert kept == ["after", "before"]
    if kind == "facts":
        assert len(await service.fetch("SELECT 1 FROM notes")) == 2, "once each, however often the batch came"
    tried.count("faults", "dead letter queues gone")


def _subscribed(bus: Bus, service: Service, kind: str, group: str) -> tuple[str, Payload]:
    if kind == "facts":
        subscribe_facts(bus, service.facts, group=group, apply=note_down)
        return service.facts.name, NOTICE
    subscribe_state(bus, service.states, group=group, apply=note_down)
    return service.states.name, thread_opened()


async def _delete(service: Service, topic: str) -> None:
    admin = make_admin(service.kafka, "test")
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()
