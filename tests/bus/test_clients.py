"""How clients are made, and when a consumer counts as stuck."""

import asyncio
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from shared.api import health
from shared.bus.broker import connection, make_producer
from shared.bus.bus import pattern_of
from shared.bus.facts import subscribe_facts
from shared.bus.progress import Progress
from shared.bus.reading import Source
from shared.bus.state import subscribe_state
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import POSTS
from shared.settings import KafkaSettings
from tests.bus.conftest import Service, eventually, note_down, running


def test_tls_and_sasl_come_from_settings() -> None:
    plain = connection(KafkaSettings())
    assert "security_protocol" not in plain
    secured = connection(
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="forum", sasl_password=SecretStr("secret"))
    )
    assert secured["security_protocol"] == "SASL_SSL"
    assert secured["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (secured["sasl_plain_username"], secured["sasl_plain_password"]) == ("forum", "secret")
    assert secured["ssl_context"].check_hostname
    assert connection(KafkaSettings(security_protocol="SSL"))["security_protocol"] == "SSL"
    with pytest.raises(ValueError, match="SASL needs"):
        connection(KafkaSettings(security_protocol="SASL_PLAINTEXT"))


async def test_a_consumer_is_made_with_the_traps_disarmed(service: Service) -> None:
    bus = service.bus("7")
    group = service.group("options")
    subscribe_state(bus, service.states, group=group, apply=note_down)
    made: dict[str, object] = {}
    start = AIOKafkaConsumer.start

    async def noting(self: AIOKafkaConsumer) -> None:
        made.update(vars(self))
        await start(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaConsumer, "start", noting)
        async with running(bus):
            assert bus.health().live
    assert made["_group_instance_id"] == f"{group}.7"
    assert made["_enable_auto_commit"] is False
    assert made["_auto_offset_reset"] == "earliest"
    assert made["_session_timeout_ms"] == 45_000
    assert made["_rebalance_timeout_ms"] == 60_000
    assert bus.broker.config.broker_config.consumer_only, "nothing can be published through it"


async def test_a_producer_given_up_at_any_step_of_its_start_leaves_no_connection(service: Service) -> None:
    """`tests/left_open.py` looks when the loop ends."""
    for steps in range(0, 60, 2):
        producer = make_producer(service.kafka, "given-up", fence="given-up")
        starting = asyncio.create_task(producer.start())
        for _ in range(steps):
            await asyncio.sleep(0.0005)
            if starting.done():
                break
        starting.cancel()
        await asyncio.wait([starting])
        await producer.abandon()


async def test_a_producer_whose_giving_up_is_cut_short_leaves_no_connection(service: Service) -> None:
    """`tests/left_open.py` looks when the loop ends."""
    for steps in range(1, 7):
        producer = make_producer(service.kafka, "given-up", fence="given-up")
        await producer.start()
        ending = asyncio.create_task(producer.abandon())
        for _ in range(steps):
            await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait([ending])


def test_a_pattern_takes_its_topics_and_no_others() -> None:
    import re

    names = {source.name: source for source in (Source(POSTS, None), Source(POSTS, "south"))}
    pattern = re.compile(pattern_of(names))
    assert pattern.match("shared.forum.posts.v1")
    assert pattern.match("south.shared.forum.posts.v1")
    for other in ("dlq.shared.forum.posts.v1", "shared.forum.posts.v10", "sharedXforum.posts.v1"):
        assert not pattern.match(other)


def test_records_that_wait_two_minutes_without_an_attempt_make_it_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("shared.bus.progress.time.monotonic", lambda: now)
    consumer = Progress()
    now += 10_000
    assert not consumer.is_stuck(lag=5), "waiting was seen only now"
    now += 121
    assert consumer.is_stuck(lag=5)
    consumer.failed()
    assert not consumer.is_stuck(lag=5), "a failed attempt is an attempt"
    now += 121
    assert not consumer.is_stuck(lag=0), "nothing waits"
    consumer.began()
    assert not consumer.is_stuck(lag=0)
    now += 121
    assert consumer.is_stuck(lag=0), "a batch that never ends"


def test_pauses_between_attempts_grow_and_stay_under_the_poll_interval() -> None:
    consumer = Progress()
    pauses = [consumer.failed() for _ in range(40)]
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert max(pauses) == 30.0


async def test_ready_says_which_consumers_fail(service: Service) -> None:
    bus = service.bus()
    group, other = service.group("failing"), service.group("well")
    works = False

    async def apply(_session: AsyncSession, _received: list[Any]) -> None:
        if not works:
            raise ConnectionError

    subscribe_facts(bus, service.facts, group=group, apply=apply)
    subscribe_state(bus, service.states, group=other, apply=note_down)
    app = FastAPI()
    health.install(app, bus)
    transport = httpx.ASGITransport(app)
    async with running(bus), httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await service.put(service.facts.name, NoticeAddressed(category="replies", urgency="ordinary"))

        async def is_failing() -> bool:
            answer = await client.get("/health/ready")
            return (answer.status_code, answer.json()) == (503, {"ready": False, "failing": [group]})

        async def is_well() -> bool:
            return bool((await client.get("/health/ready")).json() == {"ready": True, "failing": []})

        await eventually(is_failing)
        assert (await client.get("/health/live")).status_code == 200
        works = True
        await eventually(is_well)


async def test_health_answers_the_same_while_records_come_and_after(service: Service) -> None:
    """Whoever polls it would otherwise see the moment of each act."""
    bus, in_hand, goes_on = service.bus(), asyncio.Event(), asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        in_hand.set()
        await goes_on.wait()
        await note_down(session, received)

    subscribe_facts(bus, service.facts, group=service.group("quiet"), apply=apply)
    app = FastAPI()
    health.install(app, bus)
    transport = httpx.ASGITransport(app)
    async with running(bus), httpx.AsyncClient(transport=transport, base_url="http://service") as client:

        async def said() -> list[str]:
            return [(await client.get(f"/health/{kind}")).text for kind in ("live", "ready")]

        before = await said()
        await service.put(service.facts.name, NoticeAddressed(category="replies", urgency="ordinary"))
        await eventually(in_hand.is_set)
        await service.put(service.facts.name, NoticeAddressed(category="replies", urgency="ordinary"))
        await eventually(lambda: sum(bus.health().lag.values()) == 1)  # there is something to tell
        assert await said() == before
        goes_on.set()
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
        assert await said() == before
