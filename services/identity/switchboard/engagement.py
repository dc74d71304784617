"""Acts of consenting members become engagement under study aliases.

Whether an act may count at all is decided when it comes, for which studies when it is released: by then word of a
study's opening or closing, which takes another way, has come too.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard import acts, enrolments
from services.identity.switchboard.acts import Act, Kind
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.enrolments import Enrolment
from services.identity.switchboard.releases import shuffled
from services.identity.switchboard.senders import senders_of
from shared import clock
from shared.bus.records import Received
from shared.contracts.payloads.activity import CafeAttended, EngagementRecorded, PostWritten, ThreadViewed
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import ENGAGEMENT
from shared.outbox import add as outbox

KINDS: dict[type[Payload], Kind] = {PostWritten: "post", ThreadViewed: "view", CafeAttended: "attendance"}

CONSENTING = text(
    "SELECT id FROM participants WHERE id = ANY(CAST(:participants AS uuid[]))"
    " AND role = 'member' AND research AND status IN ('active', 'suspended')"
)
# Locked against the counting of a study's journeys: what is released after that would be missing from its rows.
RUNNING = text(
    "SELECT id, opened_at, closed_at FROM studies WHERE NOT erased AND counted_on IS NULL ORDER BY id FOR SHARE"
)
COUNT = text(
    "INSERT INTO study_rows AS counted (study_id, source, released)"
    " SELECT * FROM unnest(CAST(:studies AS uuid[]), CAST(:sources AS text[]), CAST(:counts AS bigint[]))"
    " ORDER BY 1, 2"
    " ON CONFLICT (study_id, source) DO UPDATE SET released = counted.released + excluded.released"
)


async def hold(
    session: AsyncSession,
    received: list[Received[PostWritten | ThreadViewed | CafeAttended]],
    *,
    board: Switchboard,
    source: str,
) -> None:
    """Hold acts of one source. Refused: aliases that aren't the source's, and whoever isn't a consenting member."""
    senders = await senders_of(session, source, received)
    consenting = set(await session.scalars(CONSENTING, {"participants": list(set(senders.values()))}))
    held = [
        _act_of(senders[record.event_id], source, record)
        for record in received
        if senders.get(record.event_id) in consenting
    ]
    await acts.hold_all(session, held, due_at=clock.now() + board.engagement_hold)


async def release(session: AsyncSession, board: Switchboard) -> int:
    """Publish a batch of what was due at the last tick; returns how many rows it took."""
    taken = await acts.take(session, board.engagement_tick())
    if not taken:
        return 0
    periods = {study.id: _Period(study, board) for study in await session.execute(RUNNING)}
    enrolled = defaultdict[UUID, list[Enrolment]](list)
    for enrolment in await enrolments.of_participants(
        session, {act.participant_id for act in taken}, periods
    ):
        enrolled[enrolment.participant_id].append(enrolment)
    counted = [
        (act, enrolment)
        for act in taken
        for enrolment in enrolled[act.participant_id]
        if act.study_id in (None, enrolment.study_id) and periods[enrolment.study_id].counts(act, enrolment)
    ]
    await _publish(session, board, counted)
    return len(taken)


async def _publish(session: AsyncSession, board: Switchboard, counted: list[tuple[Act, Enrolment]]) -> None:
    rows, numbers, changed = [], Counter[tuple[UUID, str]](), dict[tuple[UUID, UUID], Enrolment]()
    for act, enrolment in shuffled(counted):
        if act.source == enrolments.MEMBERSHIP and act.source in enrolment.seen:
            continue  # of an enrolment before this one, that was withdrawn while it waited
        day = _day_of(act, board)
        engagement = EngagementRecorded(study_id=enrolment.study_id, kind=act.kind, day=day)
        # The day of the act, not of the release: the two together would tell the acts of a day's last hour.
        at = board.start_of(day)
        rows.append(outbox.row(ENGAGEMENT[act.source], enrolment.aliases[act.source], engagement, at=at))
        numbers[enrolment.study_id, act.source] += 1
        enrolment.see(act.source, day)
        changed[enrolment.participant_id, enrolment.study_id] = enrolment
    if not rows:
        return
    await session.execute(outbox.INSERT, rows)
    await enrolments.reseal(session, list(changed.values()))
    await session.execute(
        COUNT,
        {
            "studies": [study for study, _ in numbers],
            "sources": [source for _, source in numbers],
            "counts": list(numbers.values()),
        },
    )


@dataclass(frozen=True, slots=True)
class _Period:
    """When acts count for one study."""

    study: Row[Any]
    board: Switchboard

    def counts(self, act: Act, enrolment: Enrolment) -> bool:
        """Whether the act lies in the study and in this participant's consent to it.

        Of acts that tell their day only, the days on which either began or ended count as a whole.
        """
        since, until = max(self.study.opened_at, enrolment.since), self.study.closed_at
        if act.source not in enrolment.aliases:
            return False
        if act.source == enrolments.MEMBERSHIP:  # told later than it was
            return until is None or since <= until
        if isinstance(act.when, datetime):
            return since <= act.when and (until is None or act.when <= until)
        return self.board.day_of(since) <= act.when and (
            until is None or act.when <= self.board.day_of(until)
        )


def _act_of(participant_id: UUID, source: str, record: Received[Any]) -> Act:
    kind = KINDS[type(record.payload)]
    if isinstance(record.payload, CafeAttended):
        return Act(participant_id, source, kind, record.payload.day)
    return Act(participant_id, source, kind, record.time)


def _day_of(act: Act, board: Switchboard) -> date:
    return board.day_of(act.when) if isinstance(act.when, datetime) else act.when
