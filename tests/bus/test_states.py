"""States: the highest version of a key, from whichever region."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.kafka.topics import apply as make_topics
from shared.bus.state import subscribe_state
from shared.contracts.topics import Kind, Topic
from tests.bus.conftest import Service, eventually, note_down, running, thread_opened


async def test_of_a_batch_only_the_highest_version_of_a_key_is_applied(service: Service) -> None:
    one, other = uuid4(), uuid4()
    for id_, version in ((one, 2), (one, 3), (one, 1), (other, 7)):
        await service.put(service.states.name, thread_opened(version=version, id_=id_), key=str(id_).encode())
    batches: list[list[tuple[str, int]]] = []

    async def apply(_session: AsyncSession, received: list[Any]) -> None:
        batches.append([(record.key, record.payload.version) for record in received])

    bus = service.bus()
    subscribe_state(bus, service.states, group=service.group("highest"), apply=apply)
    async with running(bus):
        await eventually(lambda: bool(batches))
    assert batches == [[(str(one), 3), (str(other), 7)]]


async def test_a_neighbours_records_come_with_their_origin_and_hide_none_of_ours(service: Service) -> None:
    name = service.states.name
    lookalikes = (f"south.{name}.v2", f"xsouth.{name}", f"east.{name}")
    mirrored = [Topic(f"south.{name}", Kind.STATE, (), "forum", partitions=2)]
    mirrored += [Topic(other, Kind.STATE, (), "forum", partitions=2) for other in lookalikes]
    await make_topics(service.kafka, mirrored)
    id_ = uuid4()
    await service.put(name, thread_opened("ours", 1, id_), key=b"same")
    await service.put(f"south.{name}", thread_opened("theirs", 99, id_), key=b"same")
    for other in lookalikes:
        await service.put(other, thread_opened("nobody's"), key=b"other")
    seen: dict[str | None, Any] = {}

    async def apply(_session: AsyncSession, received: list[Any]) -> None:
        seen.update({record.origin: record for record in received})

    bus = service.bus()
    subscribe_state(
        bus, service.states, group=service.group("mirrored"), apply=apply, mirrored_from=["south"]
    )
    async with running(bus):
        await eventually(lambda: len(seen) == 2)
        await service.put(f"south.{name}", thread_opened("the end"), key=b"end")
        await eventually(lambda: seen["south"].key == "end")
    assert set(seen) == {None, "south"}
    assert seen[None].payload.title == "ours"
    assert seen[None].topic == seen["south"].topic == name


async def test_a_mirrored_topic_that_appears_later_is_found(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.broker.METADATA_AGE_MS", 300)
    bus = service.bus()
    subscribe_state(
        bus, service.states, group=service.group("later"), apply=note_down, mirrored_from=["south"]
    )
    async with running(bus):
        await make_topics(
            service.kafka, [Topic(f"south.{service.states.name}", Kind.STATE, (), "forum", partitions=1)]
        )
        await service.put(f"south.{service.states.name}", thread_opened("theirs"))
        await eventually(lambda: service.has("SELECT 1 FROM notes"))


async def test_a_process_that_comes_back_with_another_neighbour_reads_what_it_asks_for_now(
    service: Service,
) -> None:
    """A static member is given what its predecessor had, unless it insists."""
    name, seen = service.states.name, list[tuple[str | None, str]]()
    await make_topics(service.kafka, [Topic(f"south.{name}", Kind.STATE, (), "forum", partitions=2)])

    async def apply(_session: AsyncSession, received: list[Any]) -> None:
        seen.extend((record.origin, record.payload.title) for record in received)

    for title, neighbours in (("alone", []), ("joined", ["south"]), ("left", [])):
        await service.put(name, thread_opened(title), key=title.encode())
        await service.put(f"south.{name}", thread_opened(title), key=title.encode())
        bus = service.bus()
        subscribe_state(
            bus, service.states, group=service.group("again"), apply=apply, mirrored_from=neighbours
        )
        async with running(bus):
            wanted = {(origin, title) for origin in (None, *neighbours)}
            await eventually(partial(wanted.issubset, seen), within=30)
    assert ("south", "left") not in seen


async def test_state_and_fact_topics_cannot_be_mixed_up(service: Service) -> None:
    with pytest.raises(ValueError, match="not a state topic"):
        subscribe_state(service.bus(), service.facts, group="wrong", apply=note_down)


async def test_a_group_is_registered_once(service: Service) -> None:
    bus = service.bus()
    subscribe_state(bus, service.states, group="one", apply=note_down)
    with pytest.raises(ValueError, match="twice"):
        subscribe_state(bus, service.states, group="one", apply=note_down)


async def test_the_statement_of_a_batch_is_committed_by_the_consumer(service: Service) -> None:
    woken: list[bool] = []

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        await session.execute(text("INSERT INTO notes (key) VALUES (:key)"), {"key": received[0].key})

    bus = service.bus(committed=lambda: woken.append(True))
    subscribe_state(bus, service.states, group=service.group("commit"), apply=apply)
    await service.put(service.states.name, thread_opened())
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
        await eventually(lambda: woken == [True])
