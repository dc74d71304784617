"""Kafka stands still, and goes on: what was given up never arrives after what came later."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.bus.facts import subscribe_facts
from shared.bus.state import subscribe_state
from shared.contracts.payloads.notices import NoticeAddressed
from shared.outbox.relay import Relay
from tests.bus.conftest import Service, eventually, note_down, running
from tests.bus.test_relay import add, relaying, titles
from tests.engines import Docker, Engines

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")


@contextmanager
def standing_still(engines: Engines) -> Iterator[None]:
    """Kafka accepts connections but answers nothing, as on a machine that hangs."""
    if isinstance(engines.backend, Docker):
        container = next(c for c in engines.backend.started if "kafka" in str(c.image))
        container.get_wrapped_container().pause()
        try:
            yield
        finally:
            container.get_wrapped_container().unpause()
        return
    port = int(engines.kafka.rpartition(":")[2])
    pid = next(
        c.pid
        for c in psutil.net_connections("tcp")
        if c.laddr.port == port and c.status == psutil.CONN_LISTEN
    )
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_publish_that_times_out_is_given_up_for_good_and_order_holds(
    service: Service, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox.publisher.PUBLISH_SECONDS", 1.0)
    relay = Relay("forum", service.settings)
    async with relaying(relay):
        await add(service, "0")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent"))
        with standing_still(engines):
            await add(service, "1")
            relay.wake()
            await eventually(lambda: relay.failing)
            await add(service, "2", "3")
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 4"), within=60)
    arrived = await titles(service)
    # What stood in the broker's socket when it hung may be there twice; nothing older comes after something newer
    # that was acknowledged, and consumers drop what they know by event id and version.
    assert list(dict.fromkeys(arrived)) == ["0", "1", "2", "3"]
    assert arrived[-2:] == ["2", "3"]


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> list[KafkaError]:
    """What the requests of aiokafka's clients failed by, as it comes; their timeout is a second."""
    monkeypatch.setattr("shared.bus.broker.REQUEST_TIMEOUT_MS", 1_000)
    failed, send = list[KafkaError](), AIOKafkaClient.send

    async def noting(client: AIOKafkaClient, *request: Any, **options: Any) -> Any:
        try:
            return await send(client, *request, **options)
        except KafkaError as error:
            failed.append(error)
            raise

    monkeypatch.setattr(AIOKafkaClient, "send", noting)
    return failed


async def test_consumers_go_on_by_themselves_and_the_service_stays_ready(
    service: Service, engines: Engines, failed: list[KafkaError]
) -> None:
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("still"), apply=note_down)
    async with running(bus):
        await service.put(service.facts.name, NOTICE, key=b"before")
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
        with standing_still(engines):
            failed.clear()
            await eventually(lambda: bool(failed))
            assert bus.health().ready
            assert bus.health().live
        await service.put(service.facts.name, NOTICE, key=b"after")
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'after'"), within=60)


async def test_a_service_that_starts_before_kafka_answers_catches_up(
    service: Service, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.bus.WAIT_FOR_START", 0.5)
    monkeypatch.setattr("shared.bus.broker.REQUEST_TIMEOUT_MS", 1_000)
    await service.put(service.facts.name, NOTICE)
    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("early"), apply=note_down)
    subscribe_state(bus, service.states, group=service.group("early-states"), apply=note_down)
    with standing_still(engines):
        await asyncio.wait_for(bus.start(), 30)  # it waits for none, however long Kafka stands still
        assert bus.health().ready
    try:
        await eventually(lambda: service.has("SELECT 1 FROM notes"), within=60)
    finally:
        await bus.stop()
