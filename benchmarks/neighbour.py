"""What a neighbour's forum has published: genuine records, as its relay puts them into Kafka and MirrorMaker brings them."""

import os
from collections.abc import Iterable, Iterator

from benchmarks.records import put
from deploy.kafka.topics import apply
from services.forum.rules.identities import NONCE_BYTES, entity_id, profile_id
from shared.contracts.payloads.forum import PostPublished, ProfilePresented, ThreadOpened
from shared.contracts.payloads.payload import COUNTER_BITS, State
from shared.contracts.topics import CATALOGUE, POSTS, PROFILES, THREADS, Topic
from shared.settings import KafkaSettings
from tests.engines import Engines

SOUTH = "south"
A_THREAD, AT_A_TIME, WRITERS = 20, 100, 200  # posts, threads that are written in at once, people
SINCE_MS = 1_735_689_600_000  # 2025-01-01: 25 s between two posts, for a million of them, end before today
APART_MS = 25_000
WORDS = "Good morning to you all. It rains here, and number {} of our walks fell into the water.\n\nHow is it with you? "
STRESSED = "That was *good* to hear. "


def published(region: str, posts: int) -> Iterator[tuple[Topic, State]]:
    """So many posts, after those who wrote them and the threads they stand in, in the order of writing.

    Of about 330 characters; in every tenth a word is stressed.
    """
    writers = [_writer(region, number) for number in range(WRITERS)]
    for writer in writers:
        yield PROFILES, writer
    opened: list[ThreadOpened] = []
    for number in range(posts):
        ms = SINCE_MS + number * APART_MS
        place = number % AT_A_TIME + number // (AT_A_TIME * A_THREAD) * AT_A_TIME
        writer = writers[(number + number // AT_A_TIME) % WRITERS]
        opening = place == len(opened)
        if opening:
            opened.append(_thread(region, ms, writer, place))
            yield THREADS, opened[-1]
        yield POSTS, _post(region, ms, writer, opened[place], number, opening=opening)


def posts_of(region: str, posts: int) -> Iterator[tuple[Topic, State]]:
    """The posts alone."""
    return (record for record in published(region, posts) if record[0] is POSTS)


async def publish(
    kafka: KafkaSettings, records: Iterable[tuple[Topic, State]], origin: str | None = None
) -> None:
    """Put records into their topics; `origin`: into the copies of that neighbour's, as if they had been mirrored."""
    prefix = "" if origin is None else f"{origin}."
    await put(kafka, ((prefix + topic.name, str(state.id), state) for topic, state in records))


async def fresh_topics(engines: Engines, *neighbours: str) -> KafkaSettings:
    """A Kafka without any records, the copies of these neighbours' topics in it."""
    await engines.fresh_kafka_topics()
    kafka = KafkaSettings(bootstrap_servers=engines.kafka)
    copies = [topic.mirrored_from(region) for region in neighbours for topic in CATALOGUE if topic.mirrored]
    await apply(kafka, copies)
    return kafka


def _writer(region: str, number: int) -> ProfilePresented:
    nonce = os.urandom(NONCE_BYTES)
    return ProfilePresented(
        id=profile_id(region, nonce), home=region, version=SINCE_MS << COUNTER_BITS, nonce=nonce.hex(),
        role="member", name=f"Heron {region} {number}", mark=number,
    )  # fmt: skip


def _thread(region: str, ms: int, writer: ProfilePresented, number: int) -> ThreadOpened:
    nonce = os.urandom(NONCE_BYTES)
    return ThreadOpened(
        id=entity_id(region, ms, nonce), home=region, version=ms << COUNTER_BITS, nonce=nonce.hex(),
        author_id=writer.id, author_nonce=writer.nonce, title=f"About small things, number {number}", wish="listen",
    )  # fmt: skip


def _post(
    region: str, ms: int, writer: ProfilePresented, thread: ThreadOpened, number: int, *, opening: bool
) -> PostPublished:
    nonce, version = os.urandom(NONCE_BYTES), ms << COUNTER_BITS
    body = ("" if number % 10 else STRESSED) + WORDS.format(number) * 3
    return PostPublished(
        id=entity_id(region, ms, nonce), home=region, version=version, nonce=nonce.hex(), author_id=writer.id,
        author_nonce=writer.nonce, thread_id=thread.id, written=version, opening=opening, body=body.strip(),
    )  # fmt: skip
