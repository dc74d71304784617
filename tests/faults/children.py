"""What runs in the processes that are killed: forked from a server that has imported what they need, and no more."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID, uuid4

import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.produce import ProduceRequest
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.contracts.payloads.forum import ThreadOpened
from shared.contracts.topics import Topic
from shared.database.engine import make_engine, make_sessions
from shared.outbox import add as adding
from shared.outbox import relay as relaying
from shared.outbox.publisher import Publisher
from shared.settings import ServiceSettings

WRITTEN_AT_ONCE = 3


async def write_and_relay(
    settings: ServiceSettings,
    topic: Topic,
    tell: Connection,
    first: int,
    *,
    stop_before: str,
    relay: type[relaying.Relay],
) -> None:
    """Commit rows and publish them as a service does; `stop_before` "publish" or "settle" says where it ends.

    Tells the versions it has committed, then "here" when it stands where it is to be killed.
    """

    class Stopping(Publisher):
        async def publish(self, rows: Any, blocked: Any) -> list[int]:
            if stop_before == "publish" and len(rows) > 0:
                await _stand(tell)
            acknowledged = await super().publish(rows, blocked)
            if stop_before == "settle" and acknowledged:
                await _stand(tell)
            return acknowledged

    relaying.RETRY_LOCK = 0.02
    engine = make_engine(settings.database_url.get_secret_value(), pool=1)
    async with make_sessions(engine)() as session:
        for version in range(first, first + WRITTEN_AT_ONCE):
            key = key_of(version)
            payload = thread(key, version)
            async with session.begin():
                await adding.add(session, topic, key, payload)
            tell.send(version)
    await relay("forum", settings, Stopping("forum", settings.kafka)).run()


async def relay_and_stop(settings: ServiceSettings, topic: Topic, tell: Connection) -> None:
    """Publish as a service does, but stand still, as on a paused machine, just before the first bytes go out.

    Tells its process id before, "answered" when Kafka has answered to those bytes.
    """
    send = AIOKafkaConnection.send
    stopped = False

    def stop_and_send(self: Any, request: Any, expect_response: bool = True) -> Any:
        nonlocal stopped
        if stopped or not isinstance(request, ProduceRequest) or topic.name not in dict(request._topics):
            return send(self, request, expect_response)
        stopped = True
        tell.send(os.getpid())
        os.kill(os.getpid(), signal.SIGSTOP)
        answer = asyncio.ensure_future(send(self, request, expect_response))
        answer.add_done_callback(lambda _: tell.send("answered"))
        return asyncio.shield(answer)

    AIOKafkaConnection.send = stop_and_send
    await relaying.Relay("forum", settings).run()


async def receive(settings: ServiceSettings, topic: Topic, tell: Connection, group: str) -> None:
    """Apply facts; stand still between the commit of the effect and that of the offset."""
    engine = make_engine(settings.database_url.get_secret_value(), pool=2)
    bus = Bus(make_broker(settings.kafka, "killed"), make_sessions(engine), "forum", settings)

    async def note(session: AsyncSession, received: list[Any]) -> None:
        from tests.bus.conftest import note_down

        await note_down(session, received)

    subscribe_facts(bus, topic, group=group, apply=note)
    consumer = bus.consumers[group]
    store = consumer._store_batch

    async def store_and_stand(received: list[Any]) -> None:
        await store(received)
        await _stand(tell)

    consumer._store_batch = store_and_stand
    await bus.start()
    await asyncio.Event().wait()


def key_of(version: int) -> UUID:
    """Versions are spread over five keys."""
    return UUID(int=version % 5)


def thread(key: UUID, version: int) -> ThreadOpened:
    """One state of one key."""
    return ThreadOpened(
        id=key,
        home="north",
        version=version,
        nonce="0" * 32,
        author_id=uuid4(),
        author_nonce="0" * 32,
        title="Hello",
        wish=None,
    )


async def _stand(tell: Connection) -> None:
    tell.send("here")
    await asyncio.Event().wait()


def _run(work: Callable[..., Awaitable[None]], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    uvloop.run(work(*arguments, **options))  # type: ignore[arg-type]


@contextmanager
def child(work: Callable[..., Awaitable[None]], *arguments: Any, **options: Any) -> Iterator[Connection]:
    """`work` in a process of its own, killed with the block; the third argument of `work` is our pipe's other end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.children", "tests.faults.broken", "tests.bus.conftest"])
    ours, theirs = context.Pipe()
    settings, topic, *others = arguments
    process = context.Process(target=_run, args=(work, (settings, topic, theirs, *others), options))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def heard(tell: Connection, *, seconds: float = 30) -> list[int]:
    """The versions a child tells of until it stands where it is to be killed."""
    versions: list[int] = []
    while True:
        assert tell.poll(seconds), f"it never got there; it told {versions}"
        said = tell.recv()
        if said == "here":
            return versions
        versions.append(said)
