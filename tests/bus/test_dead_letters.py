"""Dead letters are listed, shown, and handed to their own consumer again."""

from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.bus.broker import make_admin
from shared.bus.dead_letters import destination, original, replay
from shared.bus.facts import subscribe_facts
from shared.bus.state import subscribe_state
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import ACTIVITY, POSTS, STUDIES
from tests.bus.conftest import Service, eventually, note_down, running, thread_opened

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")


class Upgrade:
    """An `apply` that the database refuses until a new release."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def before(self) -> None:
        """The old release's table."""
        await self._service.execute("ALTER TABLE notes ADD CONSTRAINT old CHECK (key <> 'new')")

    async def after(self) -> None:
        """The new release's."""
        await self._service.execute("ALTER TABLE notes DROP CONSTRAINT old")


async def test_a_dead_letter_is_shown_and_replayed_by_its_own_consumer_and_nothing_is_published(
    service: Service,
) -> None:
    upgrade = Upgrade(service)
    await upgrade.before()
    new = uuid4()
    await service.put(service.facts.name, NOTICE, key=b"new", event_id=new)
    group = service.group("replayed")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=group, apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has_dead_letters(1))
    letter = (await service.dead_letters())[0]
    assert letter.letter.consumer == group
    shown = await original(service.kafka, letter.letter)
    assert shown is not None
    assert shown.key == b"new"
    # still refused: it stays, and no second letter is written
    before = await service.records(letter.place.topic)
    outcomes = await replay(service.kafka, "forum", bus.consumers, [letter.id])
    assert [one.error for one in outcomes] == ["sqlstate-23514"]
    assert len(await service.records(letter.place.topic)) == len(before)
    await upgrade.after()
    outcomes = await replay(service.kafka, "forum", bus.consumers, [letter.id])
    assert [one.error for one in outcomes] == [None]
    # again: the inbox knows it
    await replay(service.kafka, "forum", bus.consumers, [letter.id])
    assert [row.event_id for row in await service.fetch("SELECT event_id FROM notes")] == [new]
    assert len(await service.records(service.facts.name)) == 1


async def test_a_record_whose_topic_was_emptied_is_replayed_from_its_letter(service: Service) -> None:
    from aiokafka.admin import RecordsToDelete
    from aiokafka.structs import TopicPartition

    upgrade = Upgrade(service)
    await upgrade.before()
    await service.put(service.facts.name, NOTICE, key=b"new")
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("emptied"), apply=note_down)
    async with running(bus):
        await eventually(lambda: service.has_dead_letters(1))
    admin = make_admin(service.kafka, "test")
    await admin.start()
    await admin.delete_records({TopicPartition(service.facts.name, 0): RecordsToDelete(1)})
    await admin.close()
    await upgrade.after()
    [letter] = await service.dead_letters()
    assert [one.error for one in await replay(service.kafka, "forum", bus.consumers, [letter.id])] == [None]
    assert await service.has("SELECT 1 FROM notes WHERE key = 'new'")


async def test_a_type_that_was_unknown_is_stored_once_the_release_knows_it(service: Service) -> None:
    envelope = Envelope(uuid4(), "peercafe.forum.thread.opened.v1", "peercafe/test", clock.now())
    body = thread_opened("from a newer region").model_dump_json().encode()
    await service.put(service.states.name, headers=[*envelope.headers()], value=body, key=b"k")
    known = service.states.payloads
    object.__setattr__(service.states, "payloads", ())  # the old release
    group = service.group("unknown")
    old = service.bus()
    subscribe_state(old, service.states, group=group, apply=note_down)
    async with running(old):
        await eventually(lambda: service.has_dead_letters(1))
    object.__setattr__(service.states, "payloads", known)
    [letter] = await service.dead_letters()
    assert letter.letter.error == "unknown-type"
    assert letter.letter.body is None
    seen: list[Any] = []

    async def apply(_session: AsyncSession, received: list[Any]) -> None:
        seen.extend(received)

    new = service.bus()
    subscribe_state(new, service.states, group=group, apply=apply)
    await replay(service.kafka, "forum", new.consumers, [letter.id])
    assert [record.payload.title for record in seen] == ["from a newer region"]


def test_identity_keeps_the_dead_letters_of_each_source_apart() -> None:
    names = {destination("identity", topic).name for topic in (*ACTIVITY.values(), STUDIES)}
    assert names == {"dlq.identity.forum", "dlq.identity.events", "dlq.identity.analytics"}
    assert destination("forum", POSTS).name == "dlq.forum"
