"""Makes a cluster's topics what the catalogue says: `peercafe topics apply`, and every embedded start.

Nothing is ever deleted here and no partition taken away; a topic of the cluster that the catalogue doesn't have stays.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.new_partitions import NewPartitions
from aiokafka.errors import KafkaError, for_code

from shared.bus.broker import make_admin
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings

ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS


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

    `patience`: seconds during which a broker that isn't ready yet is asked again.
    Raises KafkaError when it still refuses.
    """
    deadline = time.monotonic() + patience
    topics = list(catalogue)
    while True:
        admin = make_admin(kafka, "peercafe-topics")
        try:
            await admin.start()
            return await _apply(admin, topics, replication)
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
    kept = [topic for topic in topics if topic.name in there]
    different = await _different(admin, kept) if kept else []
    if different:
        await admin.alter_configs([_resource(topic, with_values=True) for topic in different])
        applied.configured = [topic.name for topic in different]
    return applied


async def _until_led(admin: AIOKafkaAdminClient, topics: list[Topic]) -> None:
    """A topic just made answers once each of its partitions has a leader."""
    names = [topic.name for topic in topics]
    while any(  # noqa: ASYNC110  Kafka tells nobody when it is done
        found["error_code"] or any(partition["leader"] < 0 for partition in found["partitions"])
        for found in await admin.describe_topics(names)
    ):
        await asyncio.sleep(0.05)


def _resource(topic: Topic, *, with_values: bool) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config if with_values else None)


async def _different(admin: AIOKafkaAdminClient, topics: list[Topic]) -> list[Topic]:
    """Topics whose settings in the cluster aren't the catalogue's."""
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs([_resource(topic, with_values=False) for topic in topics]):
        for _code, _message, _kind, name, entries in response.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return [topic for topic in topics if not topic.config.items() <= found.get(topic.name, {}).items()]
