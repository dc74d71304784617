"""Acts that wait for their release. Whose each is stands sealed; after the release nothing of it is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import Keys, keys_of
from services.identity.switchboard.releases import BATCH

SEALED_AS = "held-act"
Kind = Literal["member", "post", "view", "attendance"]

HOLD = text(
    "INSERT INTO acts_held (id, participant_sealed, source, kind, at, day, study_id, due_at)"
    " SELECT id, sealed, source, kind, at, day, study_id, :due_at FROM unnest(CAST(:ids AS uuid[]),"
    "   CAST(:sealed AS bytea[]), CAST(:sources AS text[]), CAST(:kinds AS text[]),"
    "   CAST(:at AS timestamptz[]), CAST(:days AS date[]), CAST(:studies AS uuid[]))"
    "   AS t (id, sealed, source, kind, at, day, study_id)"
)
# By random id: which rows share a batch has nothing to do with when they came. What is released while a study still
# enrols would be missing from it.
TAKE = text(
    "DELETE FROM acts_held WHERE id IN (SELECT id FROM acts_held WHERE due_at <= :tick"
    "   AND NOT EXISTS (SELECT FROM studies WHERE enrolling) ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " RETURNING id, participant_sealed, source, kind, at, day, study_id"
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something a member did. `when`: the time, or the day for a source that tells no more.

    `study_id`: counts for this study only.
    """

    participant_id: UUID
    source: str
    kind: Kind
    when: datetime | date
    study_id: UUID | None = None

    @property
    def at(self) -> datetime | None:
        """The time, if it is known."""
        return self.when if isinstance(self.when, datetime) else None

    @property
    def day(self) -> date | None:
        """The day, where only that is known."""
        return None if isinstance(self.when, datetime) else self.when

    @classmethod
    def open(cls, row: Row[Any], keys: Keys) -> "Act":
        """From its row."""
        participant_id = UUID(bytes=keys.open(row.participant_sealed, SEALED_AS, row.id))
        return cls(participant_id, row.source, row.kind, row.at or row.day, row.study_id)


async def hold_all(session: AsyncSession, acts: Sequence[Act], *, due_at: datetime) -> None:
    """Hold acts until the first tick after `due_at`."""
    if not acts:
        return
    keys, ids = keys_of(session), [uuid4() for _ in acts]
    await session.execute(
        HOLD,
        {
            "due_at": due_at,
            "ids": ids,
            "sealed": [
                keys.seal(act.participant_id.bytes, SEALED_AS, held)
                for held, act in zip(ids, acts, strict=True)
            ],
            "sources": [act.source for act in acts],
            "kinds": [act.kind for act in acts],
            "at": [act.at for act in acts],
            "days": [act.day for act in acts],
            "studies": [act.study_id for act in acts],
        },
    )


async def take(session: AsyncSession, tick: datetime) -> list[Act]:
    """At most a batch of what was due by `tick`; gone from here with the commit."""
    rows = await session.execute(TAKE, {"tick": tick, "batch": BATCH})
    return [Act.open(row, keys_of(session)) for row in rows]
