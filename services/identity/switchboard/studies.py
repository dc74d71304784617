"""Studies as analytics records them: their opening enrols, their closing starts the settling."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard import endings, enrolments
from shared import clock
from shared.bus.records import Received
from shared.contracts.payloads.analytics import StudyRecorded

# Only the first word of a study enrols, whether it is still open by then or not. It isn't settled before all are enrolled.
# An erased study stays where it was: its counts may have left, and nothing may be subtracted from them.
APPLY = text(
    "INSERT INTO studies AS known"
    " (id, home, version, erased, communities, sources, status, opened_at, closed_at, enrolling)"
    " VALUES (:id, :home, :version, :erased, :communities, :sources, :status, :opened_at, :closed_at, NOT :erased)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, erased = excluded.erased,"
    "   communities = CASE WHEN excluded.erased AND excluded.communities = '{}' THEN known.communities"
    "     ELSE excluded.communities END, sources = excluded.sources, status = excluded.status,"
    "   opened_at = excluded.opened_at, closed_at = excluded.closed_at,"
    "   closing_since = CASE WHEN NOT known.enrolling THEN coalesce(known.closing_since, :closing_since) END"
    " WHERE excluded.version > known.version"
    " RETURNING id, enrolling, erased"
)
FORGET = text("DELETE FROM study_enrolments WHERE study_id = :study")


async def apply(session: AsyncSession, received: list[Received[StudyRecorded]]) -> None:
    """Take over what analytics recorded. A study that was erased there takes its study aliases along."""
    await enrolments.consents_stand_still(session)
    enrolling = False
    for study in (record.payload for record in received):
        row = (await session.execute(APPLY, _columns(study))).one_or_none()
        if row is not None and row.erased:
            await session.execute(FORGET, {"study": row.id})
        elif row is not None:
            enrolling = enrolling or row.enrolling
            if study.closed_at is not None:
                await enrolments.tell_of_all_in(session, row.id, study.closed_at)
    if enrolling:
        await enrolments.enrol_some(session)


async def withdraw(session: AsyncSession, participant_id: UUID) -> None:
    """Stop counting somebody's acts at once, and have their study aliases erased, each at its own time.

    For whoever withdraws research consent or leaves. What was published of a closed study stays.
    """
    for enrolment in await enrolments.end_all(session, participant_id):
        for source, alias in enrolment.aliases.items():
            await endings.say_later(
                session, endings.StudyAliasErased(alias=alias, study_id=enrolment.study_id, source=source)
            )


def _columns(study: StudyRecorded) -> dict[str, object]:
    closed = study.status == "closed"
    return {
        "id": study.id,
        "home": study.home,
        "version": study.version,
        "erased": study.erased,
        "communities": list(study.communities),
        "sources": list(study.sources),
        "status": study.status,
        "opened_at": study.opened_at or clock.now(),
        "closed_at": study.closed_at,
        "closing_since": clock.now() if closed else None,
    }
