"""A service's part in Kafka: its consumers, its dead letters, and how they are."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from faststream.kafka import KafkaBroker
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from shared.bus.batches import Consumer, Drain, decode, parse
from shared.bus.broker import GroupConsumer, subscriber_options
from shared.bus.burying import DeadLetters
from shared.bus.halving import Store
from shared.bus.inbox import forget_old
from shared.bus.progress import LONGEST_BACK_OFF, Health
from shared.bus.reading import Source
from shared.bus.retention import delete_handled
from shared.contracts.topics import Topic
from shared.due import run_every
from shared.settings import ServiceSettings

WAIT_FOR_START = 10.0
FORGET_SECONDS = 6 * 3600.0
WIPE_SECONDS = 15.0


def _nothing() -> None:
    """For services without an outbox to wake."""


class Bus:
    """Consumers of one service; `subscribe_state` and `subscribe_facts` add to them before `start`.

    `committed` is called after each stored batch (the relay's `wake`, where consumers publish too).
    """

    def __init__(
        self,
        broker: KafkaBroker,
        sessions: async_sessionmaker[AsyncSession],
        service: str,
        settings: ServiceSettings,
        committed: Callable[[], None] = _nothing,
    ) -> None:
        self.broker = broker
        self.sessions = sessions
        self.service = service
        self.settings = settings
        self.committed = committed
        self.dead_letters = DeadLetters(settings.kafka, service)
        self.consumers: dict[str, Consumer] = {}
        self._subscribers: dict[str, Any] = {}  # FastStream's
        self._switchboard: dict[str, list[Topic]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._forgetting: asyncio.Task[None] | None = None
        self._wiping: asyncio.Task[None] | None = None
        self._logger = structlog.get_logger().bind(service=service)

    def subscribe(
        self, topics: Sequence[Topic], group: str, store: Store, mirrored_from: Sequence[str] = ()
    ) -> Consumer:
        """Register one consumer group. `mirrored_from`: neighbours whose mirrored topics it reads as well."""
        if group in self.consumers:
            raise ValueError(f"consumer group {group} is registered twice")
        origins: tuple[str | None, ...] = (None, *mirrored_from)
        sources = {s.name: s for topic in topics for s in (Source(topic, origin) for origin in origins)}
        consumer = Consumer(group, sources, store, self.dead_letters, self.service)
        drain = Drain(consumer)
        options = subscriber_options(group, self.settings.instance) | {"listener": drain, "decoder": decode}
        if mirrored_from:
            subscriber = self.broker.subscriber(pattern=pattern_of(sources), parser=parse, **options)
        else:
            subscriber = self.broker.subscriber(*sources, parser=parse, **options)
        subscriber(consumer.handle)
        drain.subscriber = self._subscribers[group] = subscriber
        self.consumers[group] = consumer
        if passing := [topic for topic in topics if topic.switchboard]:
            self._switchboard[group] = passing
        return consumer

    async def start(self) -> None:
        """Start all consumers. Where Kafka doesn't answer within ten seconds it goes on trying by itself."""
        if not self.settings.consumers or not self.consumers:
            return
        self._forgetting = asyncio.create_task(run_every(FORGET_SECONDS, self._forget, name="inbox"))
        if self._switchboard:
            self._wiping = asyncio.create_task(run_every(WIPE_SECONDS, self.wipe_handled, name="wiping"))
        self._starting = asyncio.create_task(self._start_until_up())
        await asyncio.wait([self._starting], timeout=WAIT_FOR_START)

    async def _start_until_up(self) -> None:
        seconds = 0.5
        while True:
            try:
                await self.broker.start()
                return
            except Exception:
                self._logger.exception("Kafka can't be reached and is tried again", seconds=seconds)
                await self._stop_broker()  # of several subscribers some may run
            await asyncio.sleep(seconds)
            seconds = min(seconds * 2, LONGEST_BACK_OFF)

    async def _forget(self) -> None:
        async with self.sessions() as session, session.begin():
            await forget_old(session)

    async def wipe_handled(self) -> None:
        """Delete from Kafka what came on the switchboard's way, up to what has been handled here.

        Raises KafkaError.
        """
        for group, topics in self._switchboard.items():
            await delete_handled(self.settings.kafka, group, topics)

    async def stop(self) -> None:
        """End the batches in hand (15 s at most), commit (5 s) and leave. To be called before the database is closed."""
        for task in (self._starting, self._forgetting, self._wiping):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for consumer in self.consumers.values():
            consumer.hurry()
        await self._stop_broker()
        await self.dead_letters.close()

    async def _stop_broker(self) -> None:
        try:
            await self.broker.stop()
        except Exception:
            self._logger.exception("a consumer didn't stop cleanly")

    def clients(self) -> dict[str, GroupConsumer]:
        """The Kafka clients of the consumers that are started, by group."""
        found = {group: subscriber.consumer for group, subscriber in self._subscribers.items()}
        return {group: client for group, client in found.items() if client is not None}

    def health(self) -> Health:
        """What `/health/live` and `/health/ready` answer.

        Kafka being away makes a service neither dead nor unready: it goes on serving, and its writes wait in
        the outbox.
        """
        live, lag, failing = True, dict[str, int](), list[str]()
        clients = self.clients()
        for group, consumer in self.consumers.items():
            if (client := clients.get(group)) is not None:
                lag[group] = client.lag
                live = live and client.coordinates and not consumer.progress.is_stuck(client.lag)
            if consumer.progress.failures:
                failing.append(group)
        return Health(live, not failing, tuple(failing), lag)


def pattern_of(sources: dict[str, Source]) -> str:
    """Exactly these topics: aiokafka matches a pattern as a prefix, so it is anchored at both ends."""
    return "^(?:" + "|".join(re.escape(name) for name in sources) + ")$"
