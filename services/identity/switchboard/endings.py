"""Last words about an alias (closed, erased), each said at a random time of its own.

Said together they would tell which aliases belong to one person. What waits is sealed. What ended for whom is said at
once, sealed for good: a restored database that doesn't know it yet does it again.
"""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from struct import Struct
from typing import Annotated, Literal, get_args
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.switchboard import last_words
from services.identity.switchboard.addresses import participant_of
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.releases import shuffled, some_time_between
from shared import clock
from shared.contracts.payloads.identity import AudienceAlias, EndingSealed, Role, Source, StudyAlias
from shared.contracts.topics import ENDINGS, IDENTITY_AUDIENCES, STUDY_ALIASES

SEALED_AS = "ending"
WITHIN = timedelta(days=7)
BATCH = 100
# Overdue by more than this, identity was away: what piled up is drawn again, or it would all be said at one moment.
PUNCTUAL = timedelta(hours=1)
CATCH_UP = timedelta(days=1)

What = Literal["erased", "closed", "withdrew"]
WHATS: tuple[What, ...] = get_args(What)
KEPT_AS = "kept-ending"
KEPT = Struct(">16sBI")  # as long for each: who, what, which statement

ADD = text("INSERT INTO endings_due (id, sealed, due_at, until) VALUES (:id, :sealed, :due_at, :until)")
DUE = text(
    "SELECT id, sealed, due_at, until FROM endings_due WHERE due_at <= :now"
    " ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED"
)
POSTPONE = text("UPDATE endings_due SET due_at = :due_at WHERE id = :id")
DONE = text("DELETE FROM endings_due WHERE id = :id")
TOLD = text("UPDATE erasure_receipts SET told_on = :today WHERE id = :id")


class _Ending(BaseModel):
    model_config = ConfigDict(frozen=True)


class AliasClosed(_Ending):
    """One audience's alias may do nothing any more."""

    word: Literal["alias-closed"] = "alias-closed"
    audience: str
    alias: UUID
    role: Role


class AliasErased(_Ending):
    """Everything of one audience's alias is to be erased, under that audience's own erasure id."""

    word: Literal["alias-erased"] = "alias-erased"
    audience: str
    alias: UUID
    erasure_id: UUID
    receipt_id: UUID


class StudyAliasErased(_Ending):
    """The rows of one study alias are to be erased."""

    word: Literal["study-alias-erased"] = "study-alias-erased"
    alias: UUID
    study_id: UUID
    source: Source


class Kept(_Ending):
    """What ended for a participant, to be done again after a restore. `statement`: with which one they withdrew."""

    word: Literal["kept"] = "kept"
    participant: UUID
    what: What
    statement: int = 0


Ending = AliasClosed | AliasErased | StudyAliasErased | Kept
WAITING = TypeAdapter[Ending](Annotated[Ending, Field(discriminator="word")])


async def say_later(
    session: AsyncSession, ending: Ending, *, after: timedelta = timedelta(), within: timedelta = WITHIN
) -> None:
    """Have an ending said at a random time between `after` and `within` from now."""
    now, ending_id = clock.now(), uuid4()
    await session.execute(
        ADD,
        {
            "id": ending_id,
            "sealed": keys_of(session).seal(WAITING.dump_json(ending), SEALED_AS, ending_id),
            "due_at": some_time_between(now + after, now + within),
            "until": now + within,
        },
    )


async def keep(session: AsyncSession, participant_id: UUID, what: What, *, statement: int = 0) -> None:
    """Have said at once, for identity alone, what ends with the caller's transaction."""
    ending = Kept(participant=participant_id, what=what, statement=statement)
    await say_later(session, ending, within=timedelta())


async def all_kept(session: AsyncSession) -> AsyncIterator[Kept]:
    """Whatever ended for anybody, as far as the topic and this database know."""
    keys = keys_of(session)
    async for state in last_words.all_on(ENDINGS, session):
        assert isinstance(state, EndingSealed)
        who, what, statement = KEPT.unpack(keys.open(b64decode(state.sealed), KEPT_AS, state.id))
        yield Kept(participant=UUID(bytes=who), what=WHATS[what], statement=statement)


async def say(session: AsyncSession, board: Switchboard) -> int:
    """Publish a batch of the endings that are due; returns how many rows it took."""
    now, keys = clock.now(), keys_of(session)
    due = (await session.execute(DUE, {"now": now, "batch": BATCH})).all()
    for row in shuffled(due):
        if row.due_at < now - PUNCTUAL and row.until > row.due_at:
            again = some_time_between(now, max(row.until, now + CATCH_UP))
            await session.execute(POSTPONE, {"id": row.id, "due_at": again})
        else:
            await _publish(
                session, board, WAITING.validate_json(keys.open(row.sealed, SEALED_AS, row.id)), now
            )
            await session.execute(DONE, {"id": row.id})
    return len(due)


async def _publish(session: AsyncSession, board: Switchboard, ending: Ending, now: datetime) -> None:
    match ending:
        case Kept(participant=participant, what=what, statement=statement):
            ending_id = uuid4()
            content = KEPT.pack(participant.bytes, WHATS.index(what), statement)
            sealed = b64encode(keys_of(session).seal(content, KEPT_AS, ending_id)).decode()
            kept = EndingSealed(id=ending_id, home=board.region, version=1, sealed=sealed)
            await last_words.say(session, ENDINGS, kept)
        case StudyAliasErased(alias=alias, study_id=study_id, source=source):
            study_alias = StudyAlias(
                id=alias,
                home=board.region,
                version=board.versions.tick(),
                erased=True,
                study_id=study_id,
                source=source,
            )
            await last_words.say(session, STUDY_ALIASES[source], study_alias)
        case AliasErased(audience=audience, alias=alias, erasure_id=erasure_id, receipt_id=receipt_id):
            erased = AudienceAlias(
                id=alias,
                home=board.region,
                version=board.versions.tick(),
                erased=True,
                closed=True,
                erasure_id=erasure_id,
            )
            await last_words.say(session, IDENTITY_AUDIENCES[audience], erased)
            await session.execute(TOLD, {"id": receipt_id, "today": now.date()})
        case AliasClosed(audience=audience, alias=alias, role=role):
            # Erased meanwhile: that was the last word.
            if await participant_of(session, audience, alias) is not None:
                closed = AudienceAlias(
                    id=alias, home=board.region, version=board.versions.tick(), closed=True, role=role
                )
                await last_words.say(session, IDENTITY_AUDIENCES[audience], closed)
