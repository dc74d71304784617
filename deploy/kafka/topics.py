"""Makes a cluster's topics what the catalogue says: `peercafe topics apply`, and every embedded start.

Nothing is ever deleted here and no partition taken away; a topic of the cluster that the catalogue doesn't have stays.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.new_partitions import NewPartitions
from aiokafka.errors import KafkaError, KafkaTimeoutError, for_code

from shared.bus.broker import make_admin
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings

ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS
TAKEN_SECONDS = 30.0  # until a broker goes by what the controller has written down
Config = Mapping[str, str]
T = TypeVar("T")


@dataclass
class Applied:
    """What was done: names of topics."""

    made: list[str] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    configured: list[str] = field(default_factory=list)


async def apply(
    kafka: KafkaSettings, catalogue: Iterable[Topic], *, replication: int = 1, patience: float = 60
) -> Applied:
    """Create what is missing, add partitions that are too few, set configs that differ; harmless when repeated.

    `patience`: seconds during which a broker that isn't ready yet is asked again; what was begun in them is ended.
    Raises KafkaError, or OSError for an address that can't be reached, when it still refuses.
    """
    topics = list(catalogue)
    return await _patiently(kafka, lambda admin: _apply(admin, topics, replication), patience)


async def configure(kafka: KafkaSettings, topic: str, config: Config, *, patience: float = 60) -> None:
    """Give one topic exactly these settings; the broker goes by them on return. Patience and errors as `apply`."""
    await _patiently(kafka, lambda admin: _configure(admin, {topic: config}), patience)


async def _patiently(
    kafka: KafkaSettings, work: Callable[[AIOKafkaAdminClient], Awaitable[T]], patience: float
) -> T:
    deadline = time.monotonic() + patience
    while True:
        admin = make_admin(kafka, "peercafe-topics")
        try:
            await admin.start()
            return await work(admin)
        except (KafkaError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        finally:
            await admin.close()


async def _apply(admin: AIOKafkaAdminClient, topics: list[Topic], replication: int) -> Applied:
    there = {
        found["topic"]: len(found["partitions"])
        for found in await admin.describe_topics([topic.name for topic in topics])
        if found["error_code"] == 0
    }
    applied = Applied()
    missing = [topic for topic in topics if topic.name not in there]
    if missing:
        answer = await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config)
                for topic in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            if code not in (0, ALREADY_THERE):
                raise for_code(code)(f"topic {name} can't be made")
        applied.made = [topic.name for topic in missing]
        await _until_led(admin, missing)
    narrow = [topic for topic in topics if 0 < there.get(topic.name, topic.partitions) < topic.partitions]
    if narrow:
        await admin.create_partitions({topic.name: NewPartitions(topic.partitions) for topic in narrow})
        applied.widened = [topic.name for topic in narrow]
    kept = {topic.name: topic.config for topic in topics if topic.name in there}
    applied.configured = await _different(admin, kept)
    await _configure(admin, {name: kept[name] for name in applied.configured})
    return applied


async def _until_led(admin: AIOKafkaAdminClient, topics: list[Topic]) -> None:
    """A topic just made answers once each of its partitions has a leader."""
    names = [topic.name for topic in topics]

    async def led() -> bool:
        return not any(
            found["error_code"] or any(partition["leader"] < 0 for partition in found["partitions"])
            for found in await admin.describe_topics(names)
        )

    await _until(led, "a topic just made has no leader")


async def _configure(admin: AIOKafkaAdminClient, wanted: Mapping[str, Config]) -> None:
    if not wanted:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, config) for name, config in wanted.items()]
    for response in await admin.alter_configs(resources):
        for code, _message, _kind, name in response.resources:
            if code:
                raise for_code(code)(f"topic {name} can't be set up")

    # The answer says that the controller has written it down; the broker hears of that a moment later.
    async def taken() -> bool:
        return not await _different(admin, wanted)

    await _until(taken, "the broker doesn't go by a topic's new settings")


async def _until(held: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Look until it is so. Raises KafkaTimeoutError after TAKEN_SECONDS."""
    try:
        async with asyncio.timeout(TAKEN_SECONDS):
            while not await held():  # noqa: ASYNC110  Kafka tells nobody when it is done
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise KafkaTimeoutError(f"{otherwise} after {TAKEN_SECONDS:.0f} s") from error


async def _different(admin: AIOKafkaAdminClient, wanted: Mapping[str, Config]) -> list[str]:
    """Topics whose settings in the cluster aren't these."""
    found: dict[str, dict[str, str]] = {}
    if wanted:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in wanted]
        for response in await admin.describe_configs(resources):
            for _code, _message, _kind, name, entries in response.resources:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return [name for name, config in wanted.items() if not config.items() <= found.get(name, {}).items()]
