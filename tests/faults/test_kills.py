"""`kill -9` at the two places where a service stands with one foot in the database and one in Kafka."""

import asyncio
from collections import defaultdict

import pytest

from shared.bus.facts import subscribe_facts
from shared.contracts.payloads.forum import ThreadOpened
from shared.contracts.payloads.notices import NoticeAddressed
from shared.outbox.relay import Relay
from tests import tried
from tests.bus.conftest import Service, eventually, note_down, running
from tests.bus.test_relay import relaying
from tests.faults.children import WRITTEN_AT_ONCE, child, heard, key_of, receive, write_and_relay

KILLS = 100  # of each kind
RELAY = Relay  # what runs in the processes that are killed
NOTICE = NoticeAddressed(category="replies", urgency="ordinary")

pytestmark = pytest.mark.timeout(240)


async def test_every_committed_event_is_published_in_order_whenever_its_process_is_killed(
    service: Service,
) -> None:
    committed: list[int] = []
    for number in range(KILLS):
        before = "publish" if number % 2 else "settle"
        first = number * WRITTEN_AT_ONCE
        with child(
            write_and_relay, service.settings, service.states, first, stop_before=before, relay=RELAY
        ) as tell:
            committed += await asyncio.to_thread(heard, tell)
    assert committed == list(range(KILLS * WRITTEN_AT_ONCE))
    assert len(await service.fetch("SELECT 1 FROM outbox")) >= WRITTEN_AT_ONCE, "the last kill left rows"
    async with relaying(Relay("forum", service.settings)):
        await eventually(lambda: service.has("SELECT 1 WHERE NOT EXISTS (SELECT FROM outbox)"))
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in await service.records(service.states.name):
        if not record.key.startswith(b"keep-alive"):
            by_key[record.key.decode()].append(ThreadOpened.model_validate_json(record.value).version)
    for key, versions in by_key.items():
        written = [version for version in committed if str(key_of(version)) == key]
        assert list(dict.fromkeys(versions)) == written, "each, first in its order"
        assert versions[-1] == written[-1], "what compaction keeps is the newest"
    assert sum(len(set(versions)) for versions in by_key.values()) == len(committed)
    tried.count("faults", "kills", KILLS)


async def test_every_fact_takes_effect_once_however_often_its_consumer_is_killed(service: Service) -> None:
    group = service.group("killed")
    for number in range(KILLS):
        await service.put(service.facts.name, NOTICE, key=b"%d" % number, partition=number % 2)
        with child(receive, service.settings, service.facts, group) as tell:
            await asyncio.to_thread(heard, tell)
    assert await service.committed(group) == {}, "no kill came after an offset was committed"
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=group, apply=note_down)
    async with running(bus):
        for partition in range(2):  # where it has come, all before it has
            await service.put(service.facts.name, NOTICE, key=b"last", partition=partition)
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'last' HAVING count(*) >= 2"))
    keys = [row.key for row in await service.fetch("SELECT key FROM notes")]
    assert sorted(keys) == sorted([*(str(number) for number in range(KILLS)), "last", "last"])
    assert await service.dead_letters() == []
    tried.count("faults", "kills", KILLS)
