"""A consumer that hangs isn't alive; one that is slow, or fails, is."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.facts import subscribe_facts
from shared.contracts.payloads.notices import NoticeAddressed
from tests import tried
from tests.bus.conftest import Service, eventually, running

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
LOOKED_AT_EVERY = 10.0  # seconds, as by whoever restarts processes
WITHIN = 150.0


class Watch:
    """The monotonic clock of the consumers' progress, set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.monotonic
        monkeypatch.setattr("shared.bus.progress.time", self)
        self.monotonic = lambda: real() + self.ahead


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


async def test_a_consumer_that_hangs_in_its_work_is_dead_within_150_seconds(
    service: Service, watch: Watch
) -> None:
    at_work, the_end = asyncio.Event(), asyncio.Event()

    async def hang(_session: AsyncSession, _received: list[Any]) -> None:
        at_work.set()
        await the_end.wait()

    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("hangs"), apply=hang)
    async with running(bus):
        await service.put(service.facts.name, NOTICE)
        await at_work.wait()
        passed = 0.0
        try:
            while bus.health().live:
                assert passed <= WITHIN, "it hangs, and counts as alive"
                watch.ahead += LOOKED_AT_EVERY
                passed += LOOKED_AT_EVERY
            assert passed > 60, "a pause is no death"
        finally:
            the_end.set()
    tried.count("faults", "hangs")


async def test_a_consumer_that_is_slow_or_fails_stays_alive(service: Service, watch: Watch) -> None:
    """Each batch takes 100 seconds, for half an hour, and every second one fails."""
    handled: list[int] = []
    attempts = 0
    go_on = asyncio.Event()

    async def slowly(_session: AsyncSession, received: list[Any]) -> None:
        nonlocal attempts
        attempts += 1
        await go_on.wait()
        go_on.clear()
        if attempts % 2:
            raise ConnectionError("some engine is away")
        handled.append(len(received))

    bus = service.bus()
    subscribe_facts(bus, service.facts, group=service.group("slow"), apply=slowly)
    async with running(bus):
        for number in range(18):
            await service.put(service.facts.name, NOTICE, key=b"%d" % number)
            await eventually(lambda number=number: attempts > number)  # type: ignore[misc]
            for _ in range(10):
                assert bus.health().live
                watch.ahead += LOOKED_AT_EVERY
            assert bus.health().live
            go_on.set()
        await eventually(lambda: len(handled) >= 9)
        go_on.set()
