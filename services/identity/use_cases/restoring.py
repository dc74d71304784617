"""What a restored database must do again: whoever has left since the backup leaves, whoever withdrew withdraws.

The backup doesn't know them; the last words about their aliases do.
"""

from collections.abc import Set as AbstractSet
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.models.credentials import Consent
from services.identity.models.participants import Participant
from services.identity.switchboard import addresses, enrolments, erasure, last_words
from services.identity.switchboard.journeys import NOBODY
from services.identity.use_cases import account
from shared import clock
from shared.contracts.payloads.identity import AudienceAlias, StudyJourneys
from shared.contracts.topics import IDENTITY_AUDIENCES, JOURNEYS, STUDY_ALIASES
from shared.database import security_log

# What was due at the backup has most likely left since: twice would be wrong, and its notices are old.
HELD = (
    text("DELETE FROM acts_held WHERE due_at <= :now"),
    text("DELETE FROM notices_held WHERE due_at <= :now"),
    text("DELETE FROM sessions"),  # some were ended since: everybody signs in anew
)
STANDING = text("SELECT status FROM participants WHERE id = :participant")
# Counts leave once.
COUNTED = text(
    "UPDATE studies SET counted_on = :today, journeys_told = :told, forgetting_after = :nobody,"
    " drained_at = coalesce(drained_at, :now) WHERE id = :study AND counted_on IS NULL"
)
ENROLLING = text("SELECT DISTINCT study_id FROM study_enrolments")


async def forget_what_was_held(session: AsyncSession) -> None:
    """Nothing that was on its way at the backup leaves a second time, and no session of then is good."""
    for statement in HELD:
        await session.execute(statement, {"now": clock.now()} if "due_at" in statement.text else {})


async def participants_to_end(session: AsyncSession) -> dict[UUID, bool]:
    """Who has left or was closed since the backup, by one of their aliases: whether they left."""
    found: dict[UUID, bool] = {}
    for audience, topic in IDENTITY_AUDIENCES.items():
        async for state in last_words.all_on(topic, session):
            assert isinstance(state, AudienceAlias)
            if state.erased or state.closed:
                participant = await addresses.participant_of(session, audience, state.id)
                if participant is not None:
                    found[participant] = found.get(participant, False) or state.erased
    return found


async def end_again(session: AsyncSession, participant_id: UUID, *, erased: bool) -> None:
    """Erase or close somebody who was erased or closed after the backup; services are told again, each at its own time."""
    status = await session.scalar(STANDING, {"participant": participant_id})
    if status is None or (not erased and status == "closed"):
        return
    if erased:
        await security_log.note(session, "erased-again", participant_id)
        await erasure.erase(session, participant_id, again=True)
    else:
        await security_log.note(session, "closed-again", participant_id)
        await erasure.close(session, participant_id)


async def participants_who_withdrew(session: AsyncSession) -> list[UUID]:
    """Whose study aliases were erased since the backup although the restored database still enrols them."""
    gone: set[UUID] = set()
    for topic in STUDY_ALIASES.values():
        async for state in last_words.all_on(topic, session):
            if state.erased:
                gone.add(UUID(str(state.id)))
    return await _enrolled_under(session, gone) if gone else []


async def withdraw_again(session: AsyncSession, participant_id: UUID) -> None:
    """Research consent is withdrawn once more, in the language of the last statement."""
    participant = await session.get(Participant, participant_id)
    if participant is None:
        return
    last = select(Consent.language).where(Consent.participant_id == participant_id)
    language = await session.scalar(last.order_by(Consent.position.desc()).limit(1))
    await account.decide_on_research(session, participant, consent=False, language=language or "en")


async def count_no_study_twice(session: AsyncSession) -> None:
    """Studies whose counts have left since the backup are counted."""
    async for state in last_words.all_on(JOURNEYS, session):
        assert isinstance(state, StudyJourneys)
        now = clock.now()
        await session.execute(
            COUNTED,
            {
                "study": state.id,
                "told": bool(state.counts),
                "today": now.date(),
                "now": now,
                "nobody": NOBODY,
            },
        )


async def _enrolled_under(session: AsyncSession, aliases: AbstractSet[UUID]) -> list[UUID]:
    found: list[UUID] = []
    for study_id in list(await session.scalars(ENROLLING)):
        found += [
            enrolment.participant_id
            for enrolment in await enrolments.in_study(session, study_id)
            if not aliases.isdisjoint(enrolment.aliases.values())
        ]
    return found
