"""On the switchboard's way records go once they are handled, and not before."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from shared.bus.facts import subscribe_facts
from shared.bus.retention import delete_handled
from shared.contracts.payloads.activity import EngagementRecorded
from shared.contracts.topics import POSTS
from tests.bus.conftest import Service, eventually, note_down, running

ACT = EngagementRecorded(study_id=uuid4(), kind="view", day=date(2026, 11, 20))


async def test_only_what_the_group_has_acknowledged_is_deleted(service: Service) -> None:
    topic = replace(service.facts, payloads=(EngagementRecorded,), switchboard=True)
    await service.put(topic.name, ACT, key=b"handled")
    group = service.group("switchboard")
    bus = service.bus()
    subscribe_facts(bus, topic, group=group, apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'handled'"))
    await service.put(topic.name, ACT, key=b"not yet")
    assert await delete_handled(service.kafka, group, [topic]) == 1
    assert [record.key for record in await service.records(topic.name)] == [b"not yet"]


async def test_what_is_to_be_kept_is_not_deleted(service: Service) -> None:
    with pytest.raises(ValueError, match="switchboard"):
        await delete_handled(service.kafka, "any", [POSTS])
