"""What stands on identity's own state topics, kept sealed: a lost Kafka hears it again, and nobody's erasure is forgotten."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import Keys, keys_of
from services.identity.switchboard.board import Switchboard
from shared.contracts.payloads.payload import State
from shared.contracts.topics import IDENTITY_AUDIENCES, JOURNEYS, STUDY_ALIASES, Topic
from shared.outbox import add as outbox

TOPICS = (*IDENTITY_AUDIENCES.values(), *STUDY_ALIASES.values(), JOURNEYS)
SEALED_AS = "last-word"

KEEP = text(
    "INSERT INTO last_words AS known (topic, id, version, sealed)"
    " SELECT :topic, id, version, sealed FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]),"
    "   CAST(:sealed AS bytea[])) AS told (id, version, sealed) ORDER BY id"
    " ON CONFLICT (topic, id) DO UPDATE SET version = excluded.version, sealed = excluded.sealed"
    " WHERE excluded.version > known.version"
)
PAGE = text("SELECT id, sealed FROM last_words WHERE topic = :topic AND id > :after ORDER BY id LIMIT :limit")
HIGHEST = text("SELECT coalesce(max(version), 0) FROM last_words")
FIRST = UUID(int=0)


async def say(session: AsyncSession, topic: Topic, state: State) -> None:
    """Publish a state and keep it, in the caller's transaction."""
    await outbox.add(session, topic, state.id, state)
    await keep(session, topic, [state])


async def keep(session: AsyncSession, topic: Topic, states: Sequence[State]) -> None:
    """Keep states that were said; the higher version stays."""
    keys = keys_of(session)
    ids = [UUID(str(state.id)) for state in states]
    await session.execute(
        KEEP,
        {
            "topic": topic.name,
            "ids": ids,
            "versions": [state.version for state in states],
            "sealed": [
                keys.seal(state.model_dump_json().encode(), SEALED_AS, _place(topic, one))
                for one, state in zip(ids, states, strict=True)
            ],
        },
    )


async def page(topic: Topic, session: AsyncSession, after: Any, limit: int) -> Sequence[State]:
    """At most so many of a topic's last words by id, after the given one (None: from the first)."""
    rows = await session.execute(PAGE, {"topic": topic.name, "after": after or FIRST, "limit": limit})
    return [_open(keys_of(session), topic, row.id, row.sealed) for row in rows]


async def all_on(topic: Topic, session: AsyncSession, limit: int = 500) -> AsyncIterator[State]:
    """All last words of a topic."""
    after = None
    while states := await page(topic, session, after, limit):
        for state in states:
            yield state
        after = states[-1].id


async def go_on_from_before(session: AsyncSession, board: Switchboard) -> None:
    """Versions go on above all that was said, also when the machine's clock was set back meanwhile."""
    board.versions.observe(await session.scalar(HIGHEST) or 0)


def _open(keys: Keys, topic: Topic, one: UUID, sealed: bytes) -> State:
    (payload,) = topic.payloads
    state = payload.model_validate_json(keys.open(sealed, SEALED_AS, _place(topic, one)))
    assert isinstance(state, State)
    return state


def _place(topic: Topic, one: UUID) -> bytes:
    return topic.name.encode() + b":" + one.bytes
