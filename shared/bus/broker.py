"""The one place where Kafka clients are made, with every trap of FIELD-NOTES disarmed.

FastStream only consumes here (`consumer_only`): nothing can be published through it, so no reply, no copied
correlation id and no half-configured producer exists. What publishes (relay, dead letters) uses
`make_producer`.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.bus import header_names
from shared.settings import KafkaSettings
from shared.telemetry.logging import describe

BATCH = 500  # records; one statement each (FIELD-NOTES, Speed)
REQUEST_TIMEOUT_MS = 10_000
LARGEST_BATCH_BYTES = 512 * 1024  # holds a record of 256 KiB; the broker takes 1 MiB
METADATA_AGE_MS = 30_000  # how soon a pattern finds a new topic
SESSION_TIMEOUT_MS = 45_000
REBALANCE_TIMEOUT_MS = 60_000
WAIT_FOR_RECORDS_MS = 60_000
COMMIT_SECONDS = 5.0  # with a batch's drain less than the rebalance timeout
ABANDON_SECONDS = 0.5
BOOTSTRAP_SECONDS = 2.0  # for an answer that is on its way when the start is given up
FENCE_TIMEOUT_MS = 60_000  # Kafka wants one, though no transaction is ever begun


header_names.install()


class GroupConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer, patient, able to say how it is, and not idle while it commits."""

    _committing: asyncio.Task[None] | None = None

    async def commit(self) -> None:
        """Commit what has been handled up to now, while the next batch is handled.

        One commit is under way at a time. One that fails is made good by the next; until then its records would come
        again to whoever takes the partitions over.
        """
        subscription = self._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return
        # Taken now: the next batch moves the positions before it is handled.
        offsets = subscription.assignment.all_consumed_offsets()
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self._committing = asyncio.create_task(self._commit(subscription.assignment, offsets))
        for _ in range(2):  # aiokafka's steps until the request has left
            await asyncio.sleep(0)

    async def _commit(self, assignment: Any, offsets: dict[TopicPartition, Any]) -> None:
        try:
            await self._coordinator.commit_offsets(assignment, offsets)
        except KafkaError as error:
            structlog.get_logger().warning("what was handled isn't committed yet", **describe(error))

    async def settle(self) -> None:
        """Wait for the commit under way, at most COMMIT_SECONDS, then give it up.

        aiokafka would try it for ever, and under whatever membership it has by then: a place that another process has
        passed meanwhile would go back.
        """
        if self._committing is not None:
            _, late = await asyncio.wait([self._committing], timeout=COMMIT_SECONDS)
            for commit in late:
                commit.cancel()

    async def start(self) -> None:
        """Join the group. Of what a predecessor was given nothing is taken that isn't asked for any more.

        aiokafka's coordinator ends for good at such a partition: after a neighbour has left, nothing would be read.
        """
        take = self._subscription.assign_from_subscribed

        def take_what_is_asked_for(given: set[TopicPartition]) -> None:
            asked = self._subscription.subscription.topics
            take({place for place in given if place.topic in asked})

        self._subscription.assign_from_subscribed = take_what_is_asked_for
        await super().start()

    def join_again(self) -> None:
        """Join the group once more, as soon as the present joining is done."""
        self._coordinator.request_rejoin()

    async def stop(self) -> None:
        """Leave, once the last commit has arrived or can't."""
        await self.settle()
        await super().stop()

    async def getmany(
        self, *partitions: TopicPartition, **options: Any
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """Wait until there are records.

        FastStream sleeps after each empty poll as long as it polled: what came meanwhile would wait too.
        """
        options["timeout_ms"] = WAIT_FOR_RECORDS_MS
        while True:
            records: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = await super().getmany(
                *partitions, **options
            )
            if records:
                return records

    @property
    def coordinates(self) -> bool:
        """Whether the task that keeps it in its group lives; true before it is started."""
        if self._coordinator is None:
            return True
        return not self._coordinator._coordination_task.done()  # noqa: SLF001 - nothing public tells

    @property
    def lag(self) -> int:
        """Records that its partitions hold beyond what it has read, as far as it knows."""
        subscription = self._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return 0
        states = [subscription.assignment.state_value(one) for one in subscription.assignment.tps]
        return sum(
            max(0, state.highwater - state.position)
            for state in states
            if state.has_valid_position and state.highwater is not None
        )

    async def acknowledged(self) -> dict[TopicPartition, int]:
        """Of each of its partitions the first record that its group has still to acknowledge."""
        places = list(self.assignment())
        if not places or self._coordinator is None:
            return {}
        committed = await self._coordinator.fetch_committed_offsets(
            places
        )  # `committed` asks for one at a time
        known = {place: offset.offset for place, offset in committed.items() if offset.offset >= 0}
        new = [place for place in places if place not in known]
        return known | (await self.beginning_offsets(new) if new else {})


class TopicConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer without a group, for reading any topic."""

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions; none where it isn't there.

        `partitions_for_topic` knows only the topics of the last assignment.
        """
        self._client.add_topic(topic)
        await self._client.force_metadata_update()
        known = self._client.cluster.partitions_for_topic(topic) or ()
        return [TopicPartition(topic, partition) for partition in sorted(known)]


class Producer(AIOKafkaProducer):  # type: ignore[misc]
    """aiokafka's producer, which can also be given up, and can end whoever published before it.

    `fence`: of all producers started with it only the newest is heard. Kafka gives each the same producer id and the
    next epoch (that is what a transactional id is for), and refuses a batch of an older epoch in every partition that
    has one of a newer. So what an older one has sent, and the network still holds, can't arrive after something newer.
    Nothing is sent in transactions.
    """

    def __init__(self, *, fence: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._fence = fence

    async def start(self) -> None:
        """Connect, and end older producers of the same fence. Raises KafkaError."""
        # aiokafka lets go of its first connection only once that was answered: cancelled before, it leaves it open.
        await _to_its_end(self.client.bootstrap(), BOOTSTRAP_SECONDS)
        manager = self._txn_manager
        if self._fence is not None:
            manager.transactional_id, manager.transaction_timeout_ms = self._fence, FENCE_TIMEOUT_MS
        try:
            await self._sender._maybe_wait_for_pid()  # noqa: SLF001 - as its own start does first
        finally:
            manager.transactional_id = None  # from here on an idempotent producer like any other
        await self._sender.start()

    async def abandon(self) -> None:
        """Close it within seconds, without letting it send what it still holds.

        `stop` would flush first, and an idempotent producer retries for ever: a record given up could arrive
        after newer ones (log seen: v0, v1, v2, v1). So its sender ends first, then its connections. Cancelled, it
        ends them all the same before it lets go.
        """
        await _to_its_end(self._end())

    async def _end(self) -> None:
        self._closed = True
        sender = self._sender.sender_task
        while sender is not None and not sender.done():
            # At the first cancellation it waits for its requests, which a broker that hangs doesn't answer; the
            # second reaches the request.
            sender.cancel()
            await asyncio.wait([sender], timeout=ABANDON_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ABANDON_SECONDS):
                await self.client.close()


async def _to_its_end(work: Coroutine[Any, Any, None], seconds: float | None = None) -> None:
    """Await it. Cancelled meanwhile, let it go on to its end, or for so long at most, before that is raised."""
    working = asyncio.create_task(work)
    try:
        await asyncio.shield(working)
    finally:
        await asyncio.wait([working], timeout=seconds)
        working.cancel()


class _Broker(KafkaBroker):
    async def _connect(self) -> Any:
        await super()._connect()
        config = self.config.broker_config
        config.builder = partial(GroupConsumer, **config.builder.keywords)  # type: ignore[attr-defined]
        return config.builder


def security(kafka: KafkaSettings) -> BaseSecurity | None:
    """TLS and SASL as the settings say."""
    context = None
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
        if kafka.ssl_certfile is not None:
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile)
    if not kafka.security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context) if context else None
    mechanism = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}
    if kafka.sasl_username is None or kafka.sasl_password is None:
        raise ValueError("SASL needs sasl_username and sasl_password")
    return mechanism[kafka.sasl_mechanism](
        username=kafka.sasl_username,
        password=kafka.sasl_password.get_secret_value(),
        ssl_context=context,
    )


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client needs to reach the region's Kafka."""
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        **parse_security(security(kafka)),
    }


def make_broker(kafka: KafkaSettings, client_id: str) -> KafkaBroker:
    """The broker of one service. Subscribers come from `subscribe_state` and `subscribe_facts` only."""
    return _Broker(
        kafka.bootstrap_servers,
        client_id=client_id,
        security=security(kafka),
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=METADATA_AGE_MS,
        consumer_only=True,
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        logger=None,
        apply_types=False,
        graceful_timeout=15.0,
    )


def subscriber_options(group: str, instance: str) -> dict[str, Any]:
    """What every subscriber is made with. `instance` is a stable name of this process, or empty."""
    return {
        "group_id": group,
        "group_instance_id": f"{group}.{instance}" if instance else None,
        "batch": True,
        "max_records": BATCH,
        "ack_policy": AckPolicy.NACK_ON_ERROR,
        "no_reply": True,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": SESSION_TIMEOUT_MS,
        "rebalance_timeout_ms": REBALANCE_TIMEOUT_MS,
    }


def make_producer(kafka: KafkaSettings, client_id: str, *, fence: str | None = None) -> Producer:
    """An idempotent producer that waits for all replicas; to be started and stopped by the caller."""
    return Producer(
        fence=fence,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=LARGEST_BATCH_BYTES,
        metadata_max_age_ms=METADATA_AGE_MS,
        **connection(kafka),
    )


def make_consumer(kafka: KafkaSettings, client_id: str) -> TopicConsumer:
    """A consumer without a group, for reading a topic by partition and offset."""
    return TopicConsumer(
        client_id=client_id, auto_offset_reset="earliest", enable_auto_commit=False, **connection(kafka)
    )


def make_admin(kafka: KafkaSettings, client_id: str) -> AIOKafkaAdminClient:
    """An admin client; to be started and closed by the caller."""
    return AIOKafkaAdminClient(client_id=client_id, **connection(kafka))
