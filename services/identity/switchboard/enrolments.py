"""Who takes part in which study, under which study aliases.

An enrolment lasts while research consent does. What it holds is sealed: nothing in the database joins a participant
to a study alias, and no two study aliases to each other.

Whoever is enrolled when a study opens is told to analytics at once, as one of many. Whoever joins or consents later is
told with all others of that month, on the first day of the next or when the study closes: a day of their own would be
the day on which a name appeared in the forum.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import Keys, keys_of
from services.identity.switchboard.acts import Act, hold_all
from services.identity.switchboard.releases import BATCH
from shared import clock

SEALED_AS = "study-enrolment"
EVERYWHERE = timedelta(hours=12)  # after midnight UTC: a day that has begun in every zone
MEMBERSHIP = "membership"

# Opening a study must not miss who joins or consents at that moment, nor enrol who withdraws: whoever changes
# consents holds this lock shared until the commit, whoever opens a study holds it alone.
CONSENTS_CHANGE = text("SELECT pg_advisory_xact_lock_shared(hashtext('research consents'))")
CONSENTS_STAND_STILL = text("SELECT pg_advisory_xact_lock(hashtext('research consents'))")

ELIGIBLE = """
    SELECT p.id AS participant_id, s.id AS study_id, s.sources, s.opened_at
    FROM participants p JOIN studies s ON EXISTS (SELECT FROM participant_communities c
        WHERE c.participant_id = p.id AND c.community_id = ANY(s.communities))
    WHERE p.role = 'member' AND p.research AND p.status IN ('active', 'suspended') AND NOT s.erased
"""
# A study that still enrols counts as open, or whoever consents now would be enrolled as if they had before it opened.
OPEN_TO = text(ELIGIBLE + " AND (s.status = 'open' OR s.enrolling) AND p.id = :participant")
IS_ANY_ENROLLING = text("SELECT EXISTS (SELECT FROM studies WHERE enrolling)")
NOT_YET_ENROLLED = text(
    ELIGIBLE + " AND s.enrolling AND NOT EXISTS (SELECT FROM study_enrolments e"
    "   WHERE e.participant_id = p.id AND e.study_id = s.id) ORDER BY s.id, p.id LIMIT :batch"
)
ALL_ENROLLED = text(
    "UPDATE studies SET enrolling = false, closing_since = CASE WHEN status = 'closed' THEN CAST(:now AS timestamptz) END"
    " WHERE enrolling"
)
ENROL = text(
    "INSERT INTO study_enrolments (participant_id, study_id, sealed)"
    " SELECT * FROM unnest(CAST(:participants AS uuid[]), CAST(:studies AS uuid[]), CAST(:sealed AS bytea[]))"
    " ON CONFLICT DO NOTHING RETURNING participant_id, study_id"
)
OF_PARTICIPANTS = text(
    "SELECT participant_id, study_id, sealed FROM study_enrolments"
    " WHERE participant_id = ANY(CAST(:participants AS uuid[])) AND study_id = ANY(CAST(:studies AS uuid[]))"
    " ORDER BY participant_id, study_id FOR UPDATE"
)
IN_STUDY = text("SELECT participant_id, study_id, sealed FROM study_enrolments WHERE study_id = :study")
NEXT_IN_STUDY = text(
    "SELECT participant_id, study_id, sealed FROM study_enrolments"
    " WHERE study_id = :study AND participant_id > :after ORDER BY participant_id LIMIT :batch FOR UPDATE"
)
RESEAL = text(
    "UPDATE study_enrolments e SET sealed = t.sealed FROM unnest(CAST(:participants AS uuid[]),"
    "   CAST(:studies AS uuid[]), CAST(:sealed AS bytea[])) AS t (participant_id, study_id, sealed)"
    " WHERE e.participant_id = t.participant_id AND e.study_id = t.study_id"
)
# Only memberships are held for one study.
TELL_NOW = text("UPDATE acts_held SET due_at = :now, day = :day WHERE study_id = :study AND due_at > :now")
END = text(
    "DELETE FROM study_enrolments WHERE participant_id = :participant RETURNING participant_id, study_id, sealed"
)


@dataclass(slots=True)
class Enrolment:
    """One participant in one study since a moment: a study alias per source, and the first day of acts in each."""

    participant_id: UUID
    study_id: UUID
    since: datetime
    aliases: dict[str, UUID]
    seen: dict[str, date] = field(default_factory=dict)

    @classmethod
    def draw(cls, row: Row[Any], since: datetime) -> "Enrolment":
        """With fresh random aliases for the study's sources."""
        return cls(row.participant_id, row.study_id, since, {source: uuid4() for source in row.sources})

    @classmethod
    def open(cls, row: Row[Any], keys: Keys) -> "Enrolment":
        """From its row."""
        read = json.loads(keys.open(row.sealed, SEALED_AS, row.participant_id.bytes + row.study_id.bytes))
        return cls(
            row.participant_id,
            row.study_id,
            datetime.fromisoformat(read["since"]),
            {source: UUID(alias) for source, alias in read["aliases"].items()},
            {source: date.fromisoformat(day) for source, day in read["seen"].items()},
        )

    def seal(self, keys: Keys) -> bytes:
        """For its row."""
        content = {
            "since": self.since.isoformat(),
            "aliases": {source: str(alias) for source, alias in self.aliases.items()},
            "seen": {source: day.isoformat() for source, day in self.seen.items()},
        }
        return keys.seal(
            json.dumps(content).encode(), SEALED_AS, self.participant_id.bytes + self.study_id.bytes
        )

    def see(self, source: str, day: date) -> None:
        """Note that the participant did something there that day."""
        self.seen[source] = min(day, self.seen.get(source, day))


async def enrol(session: AsyncSession, participant_id: UUID) -> None:
    """Enrol somebody who has just joined or consented in the open studies of their communities, from now on.

    Does nothing for whoever isn't a consenting member, so joining may always call it.
    """
    await session.flush()
    await session.execute(CONSENTS_CHANGE)
    rows = await session.execute(OPEN_TO, {"participant": participant_id})
    told_at = _next_month(clock.now())
    enrolments = [Enrolment.draw(row, clock.now()) for row in rows]
    await _add(session, enrolments, told_at=told_at, on=told_at.date())


async def consents_stand_still(session: AsyncSession) -> None:
    """Until the commit nobody consents or withdraws. To be called before any row is locked."""
    await session.execute(CONSENTS_STAND_STILL)


async def enrol_some(session: AsyncSession) -> int:
    """Enrol a batch of the consenting members of studies that have been opened; returns how many.

    A study enrols until a batch isn't full. Who joins or consents meanwhile is enrolled by that, whoever withdraws is
    not. Does nothing, and holds up nobody, while no study enrols.
    """
    if not await session.scalar(IS_ANY_ENROLLING):
        return 0
    await consents_stand_still(session)
    rows = (await session.execute(NOT_YET_ENROLLED, {"batch": BATCH})).all()
    await _add(session, [Enrolment.draw(row, row.opened_at) for row in rows], told_at=clock.now())
    if len(rows) < BATCH:
        await session.execute(ALL_ENROLLED, {"now": clock.now()})
    return len(rows)


async def tell_of_all_in(session: AsyncSession, study_id: UUID, closed_at: datetime) -> None:
    """A study has closed: whoever waits to be told of with their month is told of now, with its last day."""
    last_day = (closed_at - EVERYWHERE).date()
    await session.execute(TELL_NOW, {"study": study_id, "day": last_day, "now": clock.now()})


async def _add(
    session: AsyncSession, enrolments: Sequence[Enrolment], *, told_at: datetime, on: date | None = None
) -> None:
    """`on`: the day that analytics is told; else that of the enrolment."""
    if not enrolments:
        return
    new = {
        (row.participant_id, row.study_id)
        for row in await session.execute(ENROL, _columns(session, enrolments))
    }
    await hold_all(
        session,
        [
            Act(e.participant_id, MEMBERSHIP, "member", on or e.since, e.study_id)
            for e in enrolments
            if (e.participant_id, e.study_id) in new
        ],
        due_at=told_at,
    )


def _next_month(at: datetime) -> datetime:
    """When the month after that of `at` (aware) has begun everywhere."""
    later = at.astimezone(UTC).replace(day=1) + timedelta(days=32)
    return later.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + EVERYWHERE


async def of_participants(
    session: AsyncSession, participants: Collection[UUID], studies: Collection[UUID]
) -> list[Enrolment]:
    """Their enrolments in these studies, locked until the commit."""
    rows = await session.execute(
        OF_PARTICIPANTS, {"participants": list(participants), "studies": list(studies)}
    )
    return [Enrolment.open(row, keys_of(session)) for row in rows]


async def in_study(session: AsyncSession, study_id: UUID) -> list[Enrolment]:
    """All enrolments in a study, to be read."""
    rows = await session.execute(IN_STUDY, {"study": study_id})
    return [Enrolment.open(row, keys_of(session)) for row in rows]


async def next_in_study(session: AsyncSession, study_id: UUID, after: UUID) -> list[Enrolment]:
    """A batch of a study's enrolments by participant, locked until the commit."""
    rows = await session.execute(NEXT_IN_STUDY, {"study": study_id, "after": after, "batch": BATCH})
    return [Enrolment.open(row, keys_of(session)) for row in rows]


async def reseal(session: AsyncSession, changed: Sequence[Enrolment]) -> None:
    """Store what changed in enrolments."""
    if changed:
        await session.execute(RESEAL, _columns(session, changed))


async def end_all(session: AsyncSession, participant_id: UUID) -> list[Enrolment]:
    """End somebody's enrolments at once: no act of theirs counts any more, not even one that is held already."""
    await session.flush()
    await session.execute(CONSENTS_CHANGE)
    rows = await session.execute(END, {"participant": participant_id})
    return [Enrolment.open(row, keys_of(session)) for row in rows]


def _columns(session: AsyncSession, enrolments: Sequence[Enrolment]) -> dict[str, object]:
    keys = keys_of(session)
    return {
        "participants": [enrolment.participant_id for enrolment in enrolments],
        "studies": [enrolment.study_id for enrolment in enrolments],
        "sealed": [enrolment.seal(keys) for enrolment in enrolments],
    }
