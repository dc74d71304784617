"""What leaves identity of the way from forum to café: one or two tables of counts per study, once, when it is closed.

A small cell would single out people whom no other store can join; so a table leaves only if every cell of it counts
at least eight. One missing cell alone could be worked out from the totals, which analytics knows. The second table
divides a cell of the first, so it leaves only with it; and of studies with a community in common only one is told
of, or the two could be subtracted.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard import enrolments, last_words
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.enrolments import Enrolment
from services.identity.switchboard.releases import Sessions
from shared import clock
from shared.contracts.payloads.identity import StudyJourneys
from shared.contracts.topics import JOURNEYS

SMALLEST_CELL = 8
WHERE_SEEN = ("membership_only", "forum_only", "cafes_only", "forum_and_cafes")
WHICH_FIRST = ("forum_first", "cafe_first", "same_day")

Drained = Callable[[], Awaitable[bool]]

SETTLING = text(
    "SELECT id FROM studies WHERE status = 'closed' AND NOT erased AND drained_at IS NULL"
    " AND closing_since <= :settled"
)
DRAINED = text(
    "UPDATE studies SET drained_at = :now WHERE id = ANY(CAST(:studies AS uuid[])) AND drained_at IS NULL"
)
# What was handled before `drained_at` was due one hold later: the study is complete when none of that is held.
COMPLETE = text(
    "SELECT id, communities, sources, closed_at FROM studies s"
    " WHERE drained_at IS NOT NULL AND counted_on IS NULL AND NOT erased"
    " AND NOT EXISTS (SELECT FROM acts_held WHERE due_at <= s.drained_at + :hold)"
    " ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
)
# Of two overlapping studies that are complete at once, one waits for the other.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('journeys'))")
TOLD_BEFORE = text("SELECT EXISTS (SELECT FROM studies WHERE journeys_told AND communities && :communities)")
COUNTED = text(
    "UPDATE studies SET counted_on = :today, journeys_told = :told, forgetting_after = :nobody WHERE id = :study"
)
# `forgetting_after`: the last participant whose days are forgotten, null once all are.
FORGETTING = text(
    "SELECT id, forgetting_after FROM studies WHERE forgetting_after IS NOT NULL"
    " ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
)
FORGOTTEN = text("UPDATE studies SET forgetting_after = :after WHERE id = :study")
NOBODY = UUID(int=0)
ROWS = text("SELECT source, released FROM study_rows WHERE study_id = :study")


async def settle(sessions: Sessions, board: Switchboard, drained: Drained) -> None:
    """Note for closed studies that every act before their closing has been handled.

    `drained`: whether the consumers of acts are at their topics' ends. Services' own outboxes are given the time of a
    hold to empty before that.
    """
    async with sessions() as session:
        studies = list(await session.scalars(SETTLING, {"settled": clock.now() - board.engagement_hold}))
    if studies and await drained():
        async with sessions() as session, session.begin():
            await session.execute(DRAINED, {"studies": studies, "now": clock.now()})


async def publish(session: AsyncSession, board: Switchboard) -> int:
    """Publish one complete study's counts; returns how many (0 or 1). `forget_days` is to follow."""
    study = (await session.execute(COMPLETE, {"hold": board.engagement_hold})).one_or_none()
    if study is None:
        return 0
    await session.execute(ONE_AT_A_TIME)
    enrolled = await enrolments.in_study(session, study.id)
    counts = counts_of(e for e in enrolled if study.closed_at is None or e.since <= study.closed_at)
    if await session.scalar(TOLD_BEFORE, {"communities": study.communities}):
        counts = {}
    journeys = StudyJourneys(
        id=study.id,
        home=board.region,
        version=board.versions.tick(),
        counts=counts,
        rows=await _rows(session, study.id, study.sources),
    )
    await last_words.say(session, JOURNEYS, journeys)
    await session.execute(
        COUNTED, {"study": study.id, "today": clock.today(), "told": bool(counts), "nobody": NOBODY}
    )
    return 1


async def forget_days(session: AsyncSession) -> int:
    """Forget the days of a batch of people that a published study was counted from; 0 when none are left."""
    study = (await session.execute(FORGETTING)).one_or_none()
    if study is None:
        return 0
    batch = await enrolments.next_in_study(session, study.id, study.forgetting_after)
    for enrolment in batch:
        enrolment.seen.clear()
    await enrolments.reseal(session, batch)
    await session.execute(
        FORGOTTEN, {"study": study.id, "after": batch[-1].participant_id if batch else None}
    )
    return 1


def counts_of(enrolled: Iterable[Enrolment]) -> dict[str, int]:
    """People by where they were seen, and of those seen in both, by where first; no table with a small cell."""
    seen, first = Counter(dict.fromkeys(WHERE_SEEN, 0)), Counter(dict.fromkeys(WHICH_FIRST, 0))
    for enrolment in enrolled:
        match enrolment.seen.get("forum"), enrolment.seen.get("events"):
            case None, None:
                seen["membership_only"] += 1
            case _, None:
                seen["forum_only"] += 1
            case None, _:
                seen["cafes_only"] += 1
            case forum, cafe:
                seen["forum_and_cafes"] += 1
                first["same_day" if forum == cafe else "forum_first" if forum < cafe else "cafe_first"] += 1
    if min(seen.values()) < SMALLEST_CELL:
        return {}
    return dict(seen if min(first.values()) < SMALLEST_CELL else seen | first)


async def _rows(session: AsyncSession, study_id: UUID, sources: list[str]) -> dict[str, int]:
    released = {row.source: row.released for row in await session.execute(ROWS, {"study": study_id})}
    return {source: released.get(source, 0) for source in sources}
