"""Records that are themselves at fault wait on `dlq.<service>` until an upgrade can read them (DESIGN §3).

What stands there can be listed, shown and replayed: handed to the consumer that refused it, by its own
handler with its inbox. A replay publishes nothing.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from shared.bus.batches import Consumer
from shared.bus.broker import make_admin
from shared.bus.reader import Reader, reading
from shared.bus.reading import Raw, Refused
from shared.contracts.topics import DEAD_LETTERS, Kind, Topic
from shared.settings import KafkaSettings
from shared.telemetry.logging import describe

# Of key, headers and body together: base64 beside the key itself stays under the 1 MiB that Kafka takes.
LARGEST_KEPT_BYTES = 384 * 1024


class DeadLetter(BaseModel):
    """Where a refused record stands, whose consumer refused it and why. Bytes are base64.

    Body and headers are None for topics that carry what members wrote, and with the key for records that are too
    large for a letter: a letter that Kafka refuses would hold up its partition for ever.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    consumer: str
    topic: str
    partition: int
    offset: int
    error: str
    key: str | None = None
    body: str | None = None
    headers: tuple[tuple[str, str | None], ...] | None = None


def destination(service: str, topic: Topic) -> Topic:
    """Identity keeps the dead letters of each source apart: together they would join aliases."""
    return DEAD_LETTERS.get(service) or DEAD_LETTERS[f"{service}.{topic.publisher}"]


def queues_of(service: str) -> list[Topic]:
    """Where the service's dead letters can stand."""
    return [
        topic for name, topic in DEAD_LETTERS.items() if name == service or name.startswith(f"{service}.")
    ]


def encoded(value: bytes | None) -> str | None:
    """Base64, or None."""
    return None if value is None else base64.b64encode(value).decode()


def letter_of(consumer: str, refused: Refused) -> DeadLetter:
    """What is kept of a refused record."""
    record = refused.record
    fits = fits_a_letter(record)
    kept = fits and not refused.topic.text
    return DeadLetter(
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        error=refused.error,
        key=encoded(record.key) if fits else None,
        body=encoded(record.value) if kept else None,
        headers=tuple((name, encoded(value)) for name, value in record.headers) if kept else None,
    )


def fits_a_letter(record: Raw) -> bool:
    """Whether a letter can hold the whole record; one that can't be held is found on its own topic only."""
    headers = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + headers + len(record.value or b"") <= LARGEST_KEPT_BYTES


def decoded(value: str | None) -> bytes | None:
    """The reverse of `encoded`."""
    return None if value is None else base64.b64decode(value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A dead letter and where it stands. `timestamp`: the record's own, in ms, cut as its topic says."""

    place: TopicPartition
    offset: int
    timestamp: int
    letter: DeadLetter

    @property
    def id(self) -> str:
        """What an operator types to name it."""
        return f"{self.place.topic}/{self.place.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay went. `error` is None when the record took effect, or when a newer one of its key has."""

    id: str
    error: str | None


async def waiting(kafka: KafkaSettings, service: str) -> list[Waiting]:
    """All dead letters of a service, oldest first (`dlq list`). Raises KafkaError when Kafka is away."""
    async with reading(kafka) as reader:
        return await _waiting(reader, service)


async def original(kafka: KafkaSettings, letter: DeadLetter) -> Raw | None:
    """The refused record (`dlq show`): from its topic, else from the letter; None when neither has it."""
    async with reading(kafka) as reader:
        return await _original(reader, letter)


async def replay(
    kafka: KafkaSettings, service: str, consumers: Mapping[str, Consumer], ids: Collection[str] | None = None
) -> list[Replayed]:
    """Hand dead letters (`ids`, or all) to their consumers again; those that are done leave the queue's head.

    `consumers`: the service's, by group, as its composition root registers them; none needs to run.
    """
    outcomes: dict[str, Replayed] = {}
    async with reading(kafka) as reader:
        letters = await _waiting(reader, service)
        for one in letters:
            if ids is None or one.id in ids:
                error = await _replay(reader, consumers, one.letter)
                outcomes[one.id] = Replayed(one.id, error)
    done = {id_ for id_, outcome in outcomes.items() if outcome.error is None}
    await _forget_heads(kafka, letters, done)
    return list(outcomes.values())


async def _replay(reader: Reader, consumers: Mapping[str, Consumer], letter: DeadLetter) -> str | None:
    consumer = consumers.get(letter.consumer)
    if consumer is None or letter.topic not in consumer.sources:
        return "unknown-consumer"
    try:
        record = await _original(reader, letter)
        if record is None:
            # A compacted state has a newer record of its key, which its consumer has had.
            kind = consumer.sources[letter.topic].topic.kind
            return None if kind is Kind.STATE else "gone"
        refused = await consumer.store([record])
    except (KafkaError, SQLAlchemyError, OSError) as error:
        return describe(error)["error"]
    return refused[0].error if refused else None


async def _original(reader: Reader, letter: DeadLetter) -> Raw | None:
    record = await reader.one(letter.topic, letter.partition, letter.offset)
    if record is not None or letter.headers is None:
        return record
    key, body = decoded(letter.key), decoded(letter.body)
    return ConsumerRecord(
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=body,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(body or b""),
        headers=[(name, decoded(value)) for name, value in letter.headers],
    )


async def _forget_heads(kafka: KafkaSettings, letters: Sequence[Waiting], done: Collection[str]) -> None:
    """Kafka deletes from a partition's beginning only: what is done behind a waiting letter stays listed."""
    heads: dict[TopicPartition, int] = {}
    held = set[TopicPartition]()
    for one in letters:
        if one.id not in done:
            held.add(one.place)
        elif one.place not in held:
            heads[one.place] = one.offset + 1
    if heads:
        admin = make_admin(kafka, "dead-letters")
        try:
            await admin.start()
            await admin.delete_records({place: RecordsToDelete(end) for place, end in heads.items()})
        finally:
            await admin.close()


async def _waiting(reader: Reader, service: str) -> list[Waiting]:
    return [
        Waiting(
            TopicPartition(record.topic, record.partition),
            record.offset,
            record.timestamp,
            DeadLetter.model_validate_json(record.value),
        )
        for topic in queues_of(service)
        async for record in reader.records(topic.name)
    ]
