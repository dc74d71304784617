"""What stands on identity's own state topics, kept sealed: a lost Kafka hears it again, and nobody's erasure is forgotten.

A row is found by a keyed hash of the alias (or study) it is about. Neither that nor when it was said can be read without
the keys: a version is a time.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import Keys, keys_of
from services.identity.switchboard.board import Switchboard
from shared.contracts.payloads.payload import State
from shared.contracts.topics import ENDINGS, IDENTITY_AUDIENCES, JOURNEYS, STUDY_ALIASES, Topic
from shared.keys import keyed_hash
from shared.outbox import add as outbox

TOPICS = (*IDENTITY_AUDIENCES.values(), *STUDY_ALIASES.values(), JOURNEYS, ENDINGS)
SEALED_AS = "last-word"

TOLD = "unnest(CAST(:about AS bytea[]), CAST(:sealed AS bytea[])) AS told (about, sealed)"
# Versions are compared here, being sealed: what was there before is locked first, and read as it is then.
KEEP_NEW = text(
    f"INSERT INTO last_words (topic, about, sealed) SELECT :topic, about, sealed FROM {TOLD} ORDER BY about"  # noqa: S608
    " ON CONFLICT DO NOTHING RETURNING about"
)
KNOWN = text(
    "SELECT about, sealed FROM last_words WHERE topic = :topic AND about = ANY(CAST(:about AS bytea[]))"
    " ORDER BY about FOR UPDATE"
)
REPLACE = text(
    f"UPDATE last_words AS known SET sealed = told.sealed FROM {TOLD}"  # noqa: S608
    " WHERE known.topic = :topic AND known.about = told.about"
)
PAGE = text(
    "SELECT about, sealed FROM last_words WHERE topic = :topic AND about > :after ORDER BY about LIMIT :limit"
)


async def say(session: AsyncSession, topic: Topic, state: State) -> None:
    """Publish a state and keep it, in the caller's transaction."""
    await outbox.add(session, topic, state.id, state)
    await keep(session, topic, [state])


async def keep(session: AsyncSession, topic: Topic, states: Sequence[State]) -> None:
    """Keep states that were said; the higher version stays."""
    keys = keys_of(session)
    told = {_about(keys, topic, state): state for state in states}
    new = set(await session.scalars(KEEP_NEW, _rows(keys, topic, told)))
    before = {about: state for about, state in told.items() if about not in new}
    if not before:
        return
    known = await session.execute(KNOWN, {"topic": topic.name, "about": list(before)})
    newer = {
        row.about: before[row.about]
        for row in known
        if before[row.about].version > _open(keys, topic, row.about, row.sealed).version
    }
    await session.execute(REPLACE, _rows(keys, topic, newer))


async def page(topic: Topic, session: AsyncSession, after: Any, limit: int) -> Sequence[State]:
    """At most so many of a topic's last words, after that about the given id (None: from the first)."""
    keys = keys_of(session)
    last = b"" if after is None else _hash(keys, topic, after)
    rows = await session.execute(PAGE, {"topic": topic.name, "after": last, "limit": limit})
    return [_open(keys, topic, row.about, row.sealed) for row in rows]


async def all_on(topic: Topic, session: AsyncSession, limit: int = 500) -> AsyncIterator[State]:
    """All last words of a topic."""
    after = None
    while states := await page(topic, session, after, limit):
        for state in states:
            yield state
        after = states[-1].id


async def go_on_from_before(session: AsyncSession, board: Switchboard) -> None:
    """Versions go on above all that was said, also when the machine's clock was set back meanwhile.

    Reads every last word: a mark of the highest in clear would tell when somebody's was said.
    """
    for topic in TOPICS:
        async for state in all_on(topic, session):
            board.versions.observe(state.version)


def _rows(keys: Keys, topic: Topic, told: Mapping[bytes, State]) -> dict[str, object]:
    sealed = [
        keys.seal(state.model_dump_json().encode(), SEALED_AS, _place(topic, about))
        for about, state in told.items()
    ]
    return {"topic": topic.name, "about": list(told), "sealed": sealed}


def _open(keys: Keys, topic: Topic, about: bytes, sealed: bytes) -> State:
    (payload,) = topic.payloads
    state = payload.model_validate_json(keys.open(sealed, SEALED_AS, _place(topic, about)))
    assert isinstance(state, State)
    return state


def _about(keys: Keys, topic: Topic, state: State) -> bytes:
    return _hash(keys, topic, UUID(str(state.id)))


def _hash(keys: Keys, topic: Topic, one: UUID) -> bytes:
    return keyed_hash(keys.alias_key, SEALED_AS, topic.name, one.bytes)


def _place(topic: Topic, about: bytes) -> bytes:
    return topic.name.encode() + b":" + about
