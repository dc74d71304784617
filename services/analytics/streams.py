"""A study's own topic, the only one made at run time."""

import asyncio

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, for_code

from shared.api.problems import Busy
from shared.bus.broker import make_admin
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings

PATIENCE = 3.0  # seconds: less than a transaction may take
ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS


async def make(kafka: KafkaSettings, topic: Topic, replication: int) -> None:
    """Make `topic` as the catalogue says, if it isn't there. Raises Busy when Kafka doesn't do it within 3 s."""
    admin = make_admin(kafka, "analytics-streams")
    try:
        async with asyncio.timeout(PATIENCE):
            await admin.start()
            new = NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config)
            answer = await admin.create_topics([new])
        for _name, code, *_message in answer.topic_errors:
            if code not in (0, ALREADY_THERE):
                raise for_code(code)
    except (KafkaError, OSError):
        raise Busy(headers={"Retry-After": "5"}) from None
    finally:
        await admin.close()
