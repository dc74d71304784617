"""How far a neighbour's topics are mirrored: its own ends against what MirrorMaker notes in our cluster."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.structs import TopicPartition

from deploy.federation.neighbours import Neighbour
from shared import clock
from shared.bus.broker import TopicConsumer, make_consumer
from shared.bus.reader import reading
from shared.contracts.topics import CATALOGUE, TimeCut, Topic
from shared.settings import KafkaSettings

ANSWER_SECONDS = 10.0
OLDEST_SECONDS = 3.0  # for looking at the oldest records that wait
Places = dict[TopicPartition, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Lag:
    """One of a neighbour's topics. `seconds`: how long the oldest record that waits has been there.

    None where the topic isn't there; `seconds` also where its records bear only the day. `shrunk`: the neighbour has
    less than was mirrored, so its Kafka is another one than then, and what it has up to there is passed over.
    """

    topic: str
    records: int | None
    seconds: float | None
    shrunk: bool = False


def settings_of(neighbour: Neighbour, region: str) -> KafkaSettings:
    """How `region` reaches that neighbour's Kafka."""
    return KafkaSettings.model_validate(
        {
            "bootstrap_servers": neighbour.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": region,
            "sasl_password": neighbour.password,
        }
    )


def offsets_topic(neighbour: str) -> str:
    """Where MirrorMaker notes, in our cluster, how far it has come in that neighbour's topics."""
    return f"mm2-offsets.{neighbour}.internal"


async def mirrored_so_far(own: KafkaSettings, neighbour: str) -> Places:
    """Of each of the neighbour's partitions the offset that is mirrored next. Raises KafkaError."""
    found: Places = {}
    async with reading(own) as reader:
        try:
            async for record in reader.records(offsets_topic(neighbour)):
                _connector, place = json.loads(record.key)
                partition = TopicPartition(place["topic"], place["partition"])
                if record.value is None:
                    found.pop(partition, None)
                else:
                    found[partition] = json.loads(record.value)["offset"] + 1
        except UnknownTopicOrPartitionError:
            pass  # nothing was ever mirrored
    return found


async def lags(own: KafkaSettings, neighbour: Neighbour, region: str) -> list[Lag] | None:
    """Of each mirrored topic how much of it waits over there; None where the neighbour can't be reached in time.

    Raises KafkaError when our own Kafka doesn't answer.
    """
    done = await mirrored_so_far(own, neighbour.region)
    return await _asked(neighbour, region, lambda there: _compared(there, done))


async def ends_of(neighbour: Neighbour, region: str) -> Places | None:
    """Where each of its partitions that holds something ends now; None where the neighbour can't be reached in time."""
    return await _asked(neighbour, region, _ends)


async def _asked(neighbour: Neighbour, region: str, ask: Callable[[TopicConsumer], Awaitable[T]]) -> T | None:
    there = make_consumer(settings_of(neighbour, region), "federation-status")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await there.start()
            return await ask(there)
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        await there.stop()


async def _ends(there: TopicConsumer) -> Places:
    every = [place for topic in CATALOGUE if topic.mirrored for place in await there.partitions(topic.name)]
    begins, ends = await there.beginning_offsets(every), await there.end_offsets(every)
    return {place: end for place, end in ends.items() if begins[place] < end}


async def _compared(there: TopicConsumer, done: Places) -> list[Lag]:
    topics = [topic for topic in CATALOGUE if topic.mirrored]
    places = {topic.name: await there.partitions(topic.name) for topic in topics}
    every = [place for some in places.values() for place in some]
    # Asked before anything is assigned: a question waits for half a second behind a fetch that finds nothing.
    begins, ends = await there.beginning_offsets(every), await there.end_offsets(every)
    waiting = {place: max(done.get(place, 0), begins[place]) for place in every}
    waiting = {place: offset for place, offset in waiting.items() if offset < ends[place]}
    told_at = await _told_at(there, waiting)
    now = clock.now().timestamp() * 1000

    def lag(topic: Topic) -> Lag:
        some = places[topic.name]
        if not some:
            return Lag(topic.name, None, None)
        records = sum(ends[place] - waiting[place] for place in some if place in waiting)
        shrunk = any(done.get(place, 0) > ends[place] for place in some)
        if topic.time_cut is not TimeCut.NONE:
            return Lag(topic.name, records, None, shrunk)
        ages = [now - told_at[place] for place in some if place in told_at]
        return Lag(topic.name, records, max(0.0, *ages, 0.0) / 1000, shrunk)

    return [lag(topic) for topic in topics]


async def _told_at(there: TopicConsumer, waiting: Places) -> Places:
    """Kafka's timestamp (ms) of the first record that waits in each place."""
    found: Places = {}
    if not waiting:
        return found
    there.assign(list(waiting))
    for place, offset in waiting.items():
        there.seek(place, offset)
    deadline = time.monotonic() + OLDEST_SECONDS
    while len(found) < len(waiting) and time.monotonic() < deadline:
        for place, records in (await there.getmany(timeout_ms=500)).items():
            found.setdefault(place, records[0].timestamp)
    return found
