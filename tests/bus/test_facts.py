"""Facts take effect once, whatever is delivered how often."""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

from aiokafka.structs import TopicPartition
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.broker import BATCH
from shared.bus.facts import subscribe_facts
from shared.bus.inbox import forget_old
from shared.contracts.payloads.notices import NoticeAddressed
from tests.bus.conftest import Service, eventually, note_down, running

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")


async def test_a_fact_delivered_twice_takes_effect_once(service: Service) -> None:
    twice = uuid4()
    await service.put(service.facts.name, NOTICE, event_id=twice)
    await service.put(service.facts.name, NOTICE, event_id=twice)
    await service.put(service.facts.name, NOTICE, key=b"last")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("once"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'last'"))
        assert len(await service.fetch("SELECT 1 FROM notes")) == 2
        assert len(await service.fetch("SELECT 1 FROM inbox")) == 2


async def test_a_restarted_service_goes_on_where_it_stopped(service: Service) -> None:
    await service.put(service.facts.name, NOTICE, key=b"before")
    for key in ("before", "after"):
        bus = service.bus()
        subscribe_facts(bus, service.facts, group=service.group("again"), apply=note_down)
        async with running(bus):
            await eventually(partial(service.has, "SELECT 1 FROM notes WHERE key = :key", key=key))
        await service.put(service.facts.name, NOTICE, key=b"after")
    assert [row.key for row in await service.fetch("SELECT key FROM notes")] == ["before", "after"]


async def test_an_effect_that_fails_is_tried_again_until_it_works_and_nothing_is_committed_before(
    service: Service,
) -> None:
    attempts: list[int] = []
    works = asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        attempts.append(len(received))
        await note_down(session, received)
        if not works.is_set():
            raise ConnectionError("some engine is away")

    for number in range(3):
        await service.put(service.facts.name, NOTICE, key=b"%d" % number)
    group = service.group("retry")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=group, apply=apply)
    async with running(bus):
        await eventually(lambda: len(attempts) >= 3)
        assert bus.health().failing == (group,)
        assert not bus.health().ready
        assert bus.health().live
        assert await service.committed(group) == {}
        assert await service.fetch("SELECT 1 FROM inbox") == []
        works.set()
        await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 3"))
        await eventually(lambda: bus.health().ready)
    assert await service.committed(group) == {TopicPartition(service.facts.name, 0): 3}
    assert await service.dead_letters() == []


async def test_a_consumer_cancelled_in_its_work_acknowledges_nothing(service: Service) -> None:
    at_work = asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        await note_down(session, received)
        at_work.set()
        await asyncio.Event().wait()

    await service.put(service.facts.name, NOTICE)
    group = service.group("cancelled")
    bus = service.bus()
    bus.broker.config.broker_config.graceful_timeout = 0.1
    subscribe_facts(bus, service.facts, group=group, apply=apply)
    async with running(bus):
        await at_work.wait()
    assert await service.committed(group) == {}
    assert await service.fetch("SELECT 1 FROM inbox") == []


async def test_the_batch_in_hand_is_not_acknowledged_with_the_one_before(service: Service) -> None:
    at_work = asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        await note_down(session, received)
        if received[-1].offset >= BATCH:
            at_work.set()
            await asyncio.Event().wait()

    puts = [service.put(service.facts.name, NOTICE) for _ in range(BATCH + 1)]
    await asyncio.gather(*puts)
    group = service.group("ahead")
    bus = service.bus()
    bus.broker.config.broker_config.graceful_timeout = 0.1
    subscribe_facts(bus, service.facts, group=group, apply=apply)

    async def is_acknowledged() -> bool:
        stored = len(await service.fetch("SELECT 1 FROM inbox"))
        return await service.committed(group) == {TopicPartition(service.facts.name, 0): stored}

    async with running(bus):
        await at_work.wait()
        await eventually(is_acknowledged)
    assert await is_acknowledged()


async def test_two_processes_share_the_partitions_and_each_fact_takes_effect_once(service: Service) -> None:
    group = service.group("shared")
    first, second = service.bus("0"), service.bus("1")
    for bus in (first, second):
        subscribe_facts(bus, service.facts, group=group, apply=note_down)

    async def put(start: int) -> None:
        for number in range(start, start + 40):
            await service.put(service.facts.name, NOTICE, key=b"%d" % number, partition=number % 2)

    async with running(first):
        await put(0)
        async with running(second):
            await put(40)
            await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 80"))
        await put(80)  # the second's partitions aren't given away at once: its name is expected back
        again = service.bus("1")
        subscribe_facts(again, service.facts, group=group, apply=note_down)
        async with running(again):
            await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 120"))
    assert len(await service.fetch("SELECT DISTINCT key FROM notes")) == 120


async def test_the_inbox_forgets_what_no_topic_holds_any_more(service: Service) -> None:
    await service.execute(
        "INSERT INTO inbox VALUES ('c', :old, current_date - 38), ('c', :young, current_date - 36)",
        old=uuid4(),
        young=uuid4(),
    )
    async with service.sessions() as session, session.begin():
        await forget_old(session)
    assert len(await service.fetch("SELECT 1 FROM inbox")) == 1
