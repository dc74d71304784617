"""A publish that was given up, and arrives all the same: the network held its bytes, or its process stood still."""

import asyncio
import os
import signal
import struct
from functools import partial
from typing import Any
from uuid import UUID

import psutil
import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import InvalidProducerEpoch
from aiokafka.protocol.produce import ProduceRequest

from shared.outbox.relay import Relay
from tests import tried
from tests.bus.conftest import Service, eventually
from tests.bus.test_relay import relaying
from tests.faults.children import child, relay_and_stop
from tests.faults.test_relays import EMPTY, HOLDER, arrived, write

KEY = str(UUID(int=0))


class Held:
    """A network that keeps the next publish to a topic, and brings it when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
        self.kept: list[bytes] = []
        self.armed = False
        send = AIOKafkaConnection.send
        held = self

        def send_or_keep(self: Any, request: Any, expect_response: bool = True) -> Any:
            if not (held.armed and isinstance(request, ProduceRequest) and topic in dict(request._topics)):
                return send(self, request, expect_response)
            held.armed = False
            writer, self._writer = self._writer, held
            try:
                return send(self, request, expect_response)
            finally:
                self._writer = writer

        monkeypatch.setattr(AIOKafkaConnection, "send", send_or_keep)

    def write(self, message: bytes) -> None:
        """What the connection writes."""
        self.kept.append(message)

    async def deliver(self, bootstrap: str) -> bytes:
        """Bring what was kept to Kafka; returns its answer."""
        host, _, port = bootstrap.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            [message] = self.kept
            writer.write(message)
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            return await reader.readexactly(size)
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_publish_that_was_given_up_and_comes_later_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox.publisher.PUBLISH_SECONDS", 0.5)
    network = Held(monkeypatch, service.states.name)
    relay = Relay("forum", service.settings)
    async with relaying(relay):
        await write(service, 0)
        await eventually(partial(service.has, EMPTY))
        network.armed = True
        await write(service, 1)
        relay.wake()
        await eventually(lambda: relay.failing)
        await write(service, 2, 3)
        await eventually(partial(service.has, EMPTY))
    answer = await network.deliver(service.kafka.bootstrap_servers)
    assert await arrived(service) == {KEY: [0, 1, 2, 3]}, "the old one came last, and compaction keeps that"
    assert struct.pack(">h", InvalidProducerEpoch.errno) in answer
    tried.count("faults", "late publishes")


async def test_a_process_that_stood_still_and_lost_its_lock_publishes_nothing_more(service: Service) -> None:
    await write(service, 0, 1)
    with child(relay_and_stop, service.settings, service.states) as tell:
        pid = await asyncio.to_thread(tell.recv)
        await eventually(lambda: _is_stopped(pid))
        await service.fetch(HOLDER)
        async with relaying(Relay("forum", service.settings)):
            await write(service, 2, 3)
            await eventually(partial(service.has, EMPTY))
            os.kill(pid, signal.SIGCONT)
            assert await asyncio.to_thread(tell.poll, 30), "it never got an answer to its publish"
            assert tell.recv() == "answered"
            await write(service, 4)
            await eventually(partial(service.has, EMPTY))
    assert await arrived(service) == {KEY: [0, 1, 2, 3, 4]}
    tried.count("faults", "late publishes")


def _is_stopped(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
