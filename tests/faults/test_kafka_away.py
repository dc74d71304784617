"""Kafka stopped, or killed, while people write: rows wait, and go out in the order of their keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from deploy.embedded.kafka import Kafka
from shared.bus.state import subscribe_state
from shared.outbox.relay import Relay
from tests import tried
from tests.bus.conftest import Service, eventually, note_down, running
from tests.bus.test_relay import relaying
from tests.faults.conftest import Breakable
from tests.faults.test_relays import EMPTY, arrived, in_order, write

KEYS = 10


@asynccontextmanager
async def writing(service: Service) -> AsyncIterator[list[int]]:
    """Somebody writes, one commit after another; gives the versions that are committed."""
    committed: list[int] = []

    async def write_on() -> None:
        while True:
            await write(service, len(committed), keys=KEYS)
            committed.append(len(committed))
            await asyncio.sleep(0.002)

    task = asyncio.create_task(write_on())
    try:
        yield committed
        assert not task.done(), "writing went on all the time"
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_writes_go_on_and_come_out_in_key_order(
    service: Service, engines: Breakable, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute of Kafka's absence, shortened together with what is given to a publish and to its pauses.
    monkeypatch.setattr("shared.outbox.publisher.PUBLISH_SECONDS", 1.0)
    monkeypatch.setattr("shared.outbox.relay.LONGEST_BACK_OFF", 0.5)
    relay = Relay("forum", service.settings)
    group = service.group("away")
    bus = service.bus()
    subscribe_state(bus, service.states, group=group, apply=note_down)
    async with relaying(relay), running(bus):
        async with writing(service) as committed:
            await eventually(lambda: len(committed) > 100)
            await (engines.kill if how == "killed" else engines.stop)(Kafka)
            before = len(committed)
            await eventually(lambda: relay.failing)
            await eventually(lambda: len(committed) > before + 300)
            assert bus.health().live
            await engines.start(Kafka)
            back = len(committed)
            await eventually(lambda: len(committed) > back + 100)
        await eventually(partial(service.has, EMPTY), within=60)
        by_key = await arrived(service)
        assert sum(len(set(versions)) for versions in by_key.values()) in (len(committed), len(committed) + 1)
        assert all(in_order(versions) for versions in by_key.values())
        newest = {key: versions[-1] for key, versions in by_key.items()}
        for key, version in newest.items():
            seen = "SELECT 1 FROM notes WHERE key = :key AND version = :version"
            await eventually(partial(service.has, seen, key=key, version=version), within=60)
        assert not relay.failing
    assert await service.dead_letters() == []
    tried.count("faults", "engines stopped, killed or hung")
