"""What is committed goes out, in order, once, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.kafka.topics import apply as make_topics
from shared import clock
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import ENGAGEMENT, NOTICES_ADDRESSED, POSTS, Kind, Topic
from shared.outbox import add as adding
from shared.outbox.relay import Relay
from shared.outbox.resend import publish_again
from shared.outbox.wakes import Wakes
from tests.bus.conftest import Service, eventually, thread_opened

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
AT = datetime(2026, 11, 20, 8, 30, 15, 250_000, tzinfo=UTC)


@asynccontextmanager
async def relaying(relay: Relay) -> AsyncIterator[Relay]:
    """The relay at work for as long as the block lasts."""
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait([task])


async def add(service: Service, *titles: str, key: str = "a") -> None:
    """Commit one transaction that adds rows."""
    async with service.sessions() as session, session.begin():
        for title in titles:
            await adding.add(session, service.states, key, thread_opened(title), at=AT)


async def titles(service: Service) -> list[str]:
    """What stands on the topic, partition by partition."""
    found = await service.records(service.states.name)
    return [NoneSafe.title(record) for record in sorted(found, key=lambda r: (r.partition, r.offset))]


class NoneSafe:
    """Reads a title out of a raw record."""

    @staticmethod
    def title(record: Any) -> str:
        from shared.contracts.payloads.forum import ThreadOpened

        return str(ThreadOpened.model_validate_json(record.value).title)


async def test_rows_go_out_in_order_with_the_envelope_and_the_time_of_their_row(service: Service) -> None:
    await add(service, "one", "two", "three")
    async with relaying(Relay("forum", service.settings)):
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 3"))
    found = await service.records(service.states.name)
    assert [NoneSafe.title(record) for record in found] == ["one", "two", "three"]
    assert {record.timestamp for record in found} == {int(AT.timestamp() * 1000)}
    assert {record.key for record in found} == {b"a"}
    ids = [
        str(row.event_id) for row in await service.fetch("SELECT event_id FROM outbox_sent ORDER BY position")
    ]
    assert [dict(record.headers) for record in found] == [
        {
            "ce_specversion": b"1.0",
            "ce_id": id_.encode(),
            "ce_type": b"peercafe.forum.thread.opened.v1",
            "ce_source": b"peercafe/forum",
            "ce_time": b"2026-11-20T08:30:15.250+00:00",
            "content-type": b"application/json",
        }
        for id_ in ids
    ]
    assert await service.fetch("SELECT 1 FROM outbox") == []


async def test_on_the_switchboards_way_nothing_is_kept(service: Service) -> None:
    async with service.sessions() as session, session.begin():
        await adding.add(session, NOTICES_ADDRESSED, str(uuid4()), NOTICE)
    async with relaying(Relay("identity", service.settings)):
        await eventually(lambda: service.has("SELECT 1 WHERE NOT EXISTS (SELECT FROM outbox)"))
    assert await service.fetch("SELECT 1 FROM outbox_sent") == []


async def test_a_row_that_commits_late_with_a_lower_number_goes_out_too(service: Service) -> None:
    async with relaying(Relay("forum", service.settings)), service.sessions() as slow:
        await adding.add(slow, service.states, "slow", thread_opened("early number"), at=AT)
        await add(service, "late number", key="quick")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
        await slow.commit()
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))
    assert sorted(await titles(service)) == ["early number", "late number"]


async def test_more_than_a_batch_goes_out_completely_and_in_order(service: Service) -> None:
    for first in range(0, 1234, 100):  # a transaction has five seconds
        await add(service, *(f"{number}" for number in range(first, min(first + 100, 1234))))
    async with relaying(Relay("forum", service.settings)):
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 1234"))
    assert await titles(service) == [f"{number}" for number in range(1234)]


async def test_one_relay_publishes_and_another_takes_over_when_it_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox.relay.RETRY_LOCK", 0.05)
    first, second = (asyncio.create_task(Relay("forum", service.settings).run()) for _ in range(2))
    await eventually(lambda: service.has("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"))
    for number in range(20):
        await add(service, f"{number}")
    await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 20"))
    first.cancel()
    await add(service, "last")
    await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 21"))
    second.cancel()
    await asyncio.wait([first, second])
    assert await titles(service) == [*(f"{number}" for number in range(20)), "last"]


async def test_a_missing_topic_holds_up_no_other(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.outbox.publisher.PUBLISH_SECONDS", 0.5)
    missing = Topic(f"local.test.missing-{service.mark}.v1", Kind.FACTS, (NoticeAddressed,), "forum")
    async with service.sessions() as session, session.begin():
        await adding.add(session, missing, "a", NOTICE)
    await add(service, "not held up")
    relay = Relay("forum", service.settings)
    async with relaying(relay):
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
        await eventually(lambda: relay.failing)
        assert len(await service.fetch("SELECT 1 FROM outbox")) == 1
        await make_topics(service.kafka, [missing])
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))
        await eventually(lambda: not relay.failing)
    assert len(await service.records(missing.name)) == 1


async def test_a_relay_whose_connection_is_cut_begins_again(service: Service) -> None:
    async with relaying(Relay("forum", service.settings)):
        await add(service, "before")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
        await service.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'relay' AND datname = current_database()"
        )
        await add(service, "after")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))
    assert await titles(service) == ["before", "after"]


async def test_a_commit_here_or_in_another_process_wakes_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox.relay.SHORTEST_POLL", 3600.0)
    monkeypatch.setattr("shared.outbox.relay.LONGEST_POLL", 3600.0)
    relay = Relay("forum", service.settings)
    elsewhere = Wakes(service.settings.redis_url.get_secret_value(), service.settings.redis_prefix)
    async with relaying(relay):
        await add(service, "here")
        relay.wake()
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
        await add(service, "elsewhere")

        async def told() -> bool:
            elsewhere.wake()  # until the relay listens
            return await service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2")

        await eventually(told)
    await elsewhere.close()


async def test_a_commit_during_another_ones_wake_and_the_last_before_a_stop_wake_it_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox.wakes.LAST_WORD_SECONDS", 60.0)
    url, prefix = service.settings.redis_url.get_secret_value(), service.settings.redis_prefix
    elsewhere = Wakes(url, prefix)
    async with Redis.from_url(url) as redis, redis.pubsub() as channel:
        await channel.subscribe(f"{prefix}relay")
        elsewhere.wake()
        await asyncio.sleep(0)  # it is under way
        elsewhere.wake()
        await elsewhere.close()
        heard = []

        async def both() -> bool:
            heard.append(await channel.get_message(ignore_subscribe_messages=True, timeout=0.1))
            return len([message for message in heard if message]) == 2

        await eventually(both)


async def test_without_redis_it_still_publishes(service: Service) -> None:
    from pydantic import SecretStr

    away = service.settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    relay = Relay("forum", away)
    async with relaying(relay):
        await add(service, "anyway")
        relay.wake()
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))


async def test_sent_rows_are_kept_until_the_end_of_the_next_day(service: Service) -> None:
    async with relaying(Relay("forum", service.settings)):
        await add(service, "kept")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
    for days, kept in ((1, 1), (2, 0)):
        with clock.stopped_at(clock.now() + timedelta(days=days)):
            async with relaying(Relay("forum", service.settings)):
                await eventually(
                    partial(service.has, "SELECT 1 FROM outbox_sent HAVING count(*) = :n", n=kept)
                )


async def test_text_and_switchboard_topics_get_keep_alives_that_say_nothing(service: Service) -> None:
    for name, topic in (("forum", POSTS), ("identity", ENGAGEMENT["forum"])):
        async with relaying(Relay(name, service.settings)):

            async def kept(topic: Topic = topic) -> bool:
                found = await service.records(topic.name)
                alive = [r for r in found if dict(r.headers)["ce_type"] == KEEP_ALIVE.encode()]
                return {r.partition for r in alive} == set(range(topic.partitions)) and {
                    (r.key, r.value) for r in alive
                } == {(b"keep-alive-%d" % n, b"{}") for n in range(topic.partitions)}

            await eventually(kept)


async def test_after_a_power_cut_the_last_day_goes_out_again_before_what_waits(service: Service) -> None:
    async with relaying(Relay("forum", service.settings)):
        await add(service, "1", "2")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))
    await add(service, "3")
    async with service.sessions() as session, session.begin():
        assert await publish_again(session) == 2
    async with relaying(Relay("forum", service.settings)):
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 3"))
    assert await titles(service) == ["1", "2", "1", "2", "3"]
