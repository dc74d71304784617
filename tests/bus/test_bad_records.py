"""One bad record sinks no other: it is set aside, or waits where it can't be."""

import secrets
from typing import Any
from uuid import uuid4

from aiokafka.structs import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.bus.batches import PATIENT_ATTEMPTS
from shared.bus.facts import subscribe_facts
from shared.bus.halving import PORTION_BYTES
from shared.bus.state import subscribe_state
from shared.contracts.envelope import Envelope
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.payloads.forum import ThreadOpened
from shared.contracts.payloads.notices import NoticeAddressed
from tests.bus.conftest import Service, eventually, note_down, running, thread_opened

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")


def headers(type_: str = ThreadOpened.type) -> list[tuple[str, bytes | None]]:
    """A good envelope."""
    return [*Envelope(uuid4(), type_, "peercafe/test", clock.now()).headers()]


async def no_longer_than(session: AsyncSession, ms: int) -> None:
    """This transaction from now on; one timeout doesn't take the place of another."""
    for timeout in (0, ms):
        await session.execute(text(f"SET LOCAL transaction_timeout = {timeout}"))


async def test_each_kind_of_bad_record_is_set_aside_and_the_good_ones_around_it_are_stored(
    service: Service,
) -> None:
    name = service.states.name
    good = thread_opened()
    body = good.model_dump_json().encode()
    null_id = [(key, None if key == "ce_id" else value) for key, value in headers()]
    not_utf8 = [(key, b"\xff\xfe" if key == "ce_source" else value) for key, value in headers()]
    await service.put(name, good, key=b"first")
    await service.put(name, headers=null_id, value=body, key=b"null header")
    await service.put(name, headers=not_utf8, value=body, key=b"header not UTF-8")
    await service.put(name, headers=[], value=body, key=b"no envelope")
    await service.put(name, headers=headers(), value=None, key=b"tombstone")
    await service.put(name, headers=headers(), value=b"{", key=b"not JSON")
    await service.put(name, headers=headers(), value=b'{"id": 1}', key=b"not a thread")
    await service.put(name, headers=headers("peercafe.forum.thread.opened.v9"), value=body, key=b"unknown")
    await service.put(name, headers=headers(), value=body, key=b"\xff\xfe")
    await service.put(name, headers=headers(KEEP_ALIVE), value=b"{}", key=b"keep-alive-0")
    await service.put(name, headers=[*headers(), ("x", None), ("y", b"\xff")], value=body, key=b"stranger's")
    for number, no_time_in_utc in enumerate((b"9999-12-31T23:59:59-12:00", b"0001-01-01T00:00:00+12:00")):
        more = [*headers(), ("ce_time", no_time_in_utc)]
        await service.put(name, headers=more, value=body, key=b"no time %d" % number)
    await service.put(name, good, key=b"last")
    bus = service.bus()
    group = service.group("bad")
    subscribe_state(bus, service.states, group=group, apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'last'"))
    stored = [row.key for row in await service.fetch("SELECT key FROM notes")]
    assert stored == ["first", "stranger's", "last"]
    assert await service.committed(group) == {TopicPartition(name, 0): 14}
    letters = await service.dead_letters()
    assert [(one.letter.offset, one.letter.error) for one in letters] == [
        (1, "envelope"),
        (2, "envelope"),
        (3, "envelope"),
        (4, "no-body"),
        (5, "payload"),
        (6, "payload"),
        (7, "unknown-type"),
        (8, "key"),
        (11, "envelope"),
        (12, "envelope"),
    ]
    assert all(one.letter.body is None and one.letter.headers is None for one in letters), "a text topic's"


async def test_what_only_the_database_refuses_is_found_among_the_good_and_set_aside(service: Service) -> None:
    bad = {13, 14, 77}
    ids = {}
    for number in range(100):
        title = "nothing\u0000more" if number in bad else "fine"
        ids[number] = uuid4()
        await service.put(service.states.name, thread_opened(title), key=b"%d" % number, event_id=ids[number])

    async def apply(session, received) -> None:  # type: ignore[no-untyped-def]
        await session.execute(
            text("INSERT INTO notes (key, body) VALUES (:key, :body)"),
            [{"key": record.key, "body": record.payload.title} for record in received],
        )

    bus = service.bus()
    subscribe_state(bus, service.states, group=service.group("poison"), apply=apply)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 97"))
        await eventually(lambda: service.has_dead_letters(3))
    assert {one.letter.error for one in await service.dead_letters()} == {"sqlstate-22021"}
    assert {one.letter.offset for one in await service.dead_letters()} == bad


async def test_what_is_too_long_for_an_index_is_set_aside(service: Service) -> None:
    await service.execute("CREATE INDEX ON notes (body)")
    await service.put(service.states.name, thread_opened(secrets.token_hex(50_000)), key=b"long")
    await service.put(service.states.name, thread_opened(), key=b"fine")
    bus = service.bus()
    subscribe_state(bus, service.states, group=service.group("long"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'fine'"))
        await eventually(lambda: service.has_dead_letters(1))
    assert [one.letter.error for one in await service.dead_letters()] == ["sqlstate-54000"]


async def test_what_the_driver_itself_cant_say_is_set_aside(service: Service) -> None:
    for number in range(20):
        version = 2**63 if number == 13 else number  # what no bigint holds
        await service.put(service.states.name, thread_opened(version=version), key=b"%d" % number)
    bus = service.bus()
    subscribe_state(bus, service.states, group=service.group("unsayable"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 19"))
        await eventually(lambda: service.has_dead_letters(1))
    assert [(one.letter.offset, one.letter.error) for one in await service.dead_letters()] == [
        (13, "sqlstate-22000")
    ]


async def test_a_batch_that_takes_longer_than_a_transaction_may_is_stored_in_parts(service: Service) -> None:
    together = []

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        together.append(len(received))
        await no_longer_than(session, 300)
        await note_down(session, received)
        await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": 0.04 * len(received)})

    for number in range(20):
        await service.put(service.states.name, thread_opened(), key=b"%d" % number)
    bus = service.bus()
    subscribe_state(bus, service.states, group=service.group("long"), apply=apply)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 20"))
    assert max(together) > 300 / 40
    assert await service.dead_letters() == []


async def test_a_record_that_takes_longer_by_itself_is_set_aside_once_it_isnt_the_database(
    service: Service,
) -> None:
    alone = 0

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        nonlocal alone
        keys = [record.key for record in received]
        alone += keys == ["slow"]
        await no_longer_than(session, 600)
        await note_down(session, received)
        if "slow" in keys:
            await session.execute(text("SELECT pg_sleep(5)"))

    await service.put(service.states.name, thread_opened(), key=b"slow")
    await service.put(service.states.name, thread_opened(), key=b"fine")
    bus = service.bus()
    consumer = subscribe_state(bus, service.states, group=service.group("slow"), apply=apply)

    async def set_aside() -> bool:
        consumer.hurry()
        return await service.has_dead_letters(1)

    async with running(bus):
        await eventually(set_aside)
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
    assert [one.letter.error for one in await service.dead_letters()] == ["too-slow"]
    assert [row.key for row in await service.fetch("SELECT key FROM notes")] == ["fine"]
    assert alone > PATIENT_ATTEMPTS


async def test_many_large_records_are_stored_a_megabyte_at_a_time(service: Service) -> None:
    together = []

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        together.append(sum(len(record.body) for record in received))
        await note_down(session, received)

    for number in range(12):
        await service.put(service.states.name, thread_opened("x" * 200_000), key=b"%d" % number)
    group = service.group("large")
    consumer = subscribe_state(service.bus(), service.states, group=group, apply=apply)
    assert await consumer.store(await service.records(service.states.name)) == []
    assert len(await service.fetch("SELECT 1 FROM notes")) == 12
    assert max(together) < PORTION_BYTES + 250_000


async def test_a_refused_fact_is_not_in_the_inbox(service: Service) -> None:
    await service.execute("ALTER TABLE notes ADD CHECK (key <> 'refused')")
    refused = uuid4()
    await service.put(service.facts.name, NOTICE, key=None)
    await service.put(service.facts.name, NOTICE, key=b"refused", event_id=refused)
    await service.put(service.facts.name, NOTICE, key=b"fine")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("refused"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
        await eventually(lambda: service.has_dead_letters(2))
    assert await service.fetch("SELECT 1 FROM inbox WHERE event_id = :id", id=refused) == []
    keyless, letter = (one.letter for one in await service.dead_letters())
    assert keyless.error == "no-key"
    assert letter.error == "sqlstate-23514"
    assert letter.body is not None, "not a text topic: the record may be gone when somebody looks"


async def test_a_record_that_asks_for_a_reply_gets_none(service: Service) -> None:
    ask: list[tuple[str, bytes | None]] = [("reply_to", service.states.name.encode())]
    await service.put(service.facts.name, NOTICE, headers=[*headers(NOTICE.type), *ask])
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("reply"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
    assert await service.records(service.states.name) == []
