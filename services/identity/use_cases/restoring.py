"""What a restored database must do again: whoever has left since the backup leaves, and nobody consents to research.

The backup doesn't know what ended since; identity's own topic does, whatever reached it. A withdrawal that didn't, or of
which no one can know, must not be overlooked: so whoever isn't known to have withdrawn is asked again.
"""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.models.credentials import Consent
from services.identity.models.participants import Participant
from services.identity.switchboard import endings, erasure, last_words, studies
from services.identity.switchboard.journeys import NOBODY
from services.identity.use_cases import account
from shared import clock
from shared.contracts.payloads.identity import StudyJourneys
from shared.contracts.topics import JOURNEYS
from shared.database import security_log

# What was due at the backup has most likely left since: twice would be wrong, and its notices are old.
HELD = (
    text("DELETE FROM acts_held WHERE due_at <= :now"),
    text("DELETE FROM notices_held WHERE due_at <= :now"),
    text("DELETE FROM sessions"),  # some were ended since: everybody signs in anew
)
HERE = text("SELECT id FROM participants WHERE id = ANY(CAST(:participants AS uuid[]))")
# Counts leave once.
COUNTED = text(
    "UPDATE studies SET counted_on = :today, journeys_told = :told, forgetting_after = :nobody,"
    " drained_at = coalesce(drained_at, :now) WHERE id = :study AND counted_on IS NULL"
)
CONSENTING = select(Participant.id).where(Participant.research)


async def forget_what_was_held(session: AsyncSession) -> None:
    """Nothing that was on its way at the backup leaves a second time, and no session of then is good."""
    for statement in HELD:
        await session.execute(statement, {"now": clock.now()} if "due_at" in statement.text else {})


async def endings_since(session: AsyncSession) -> list[endings.Kept]:
    """What ended, as Kafka knows, for people whom the restored database still has."""
    kept = [ending async for ending in endings.all_kept(session)]
    here = set(await session.scalars(HERE, {"participants": [ending.participant for ending in kept]}))
    return [ending for ending in kept if ending.participant in here]


async def end_again(session: AsyncSession, ending: endings.Kept) -> None:
    """Do what was done after the backup, unless it is done; services are told again, each at its own time."""
    participant = await session.get(Participant, ending.participant, with_for_update=True)
    if participant is None:
        return
    match ending.what:
        case "erased":
            await security_log.note(session, "erased-again", participant.id)
            await erasure.erase(session, participant.id, again=True)
        case "closed" if participant.status != "closed":
            await security_log.note(session, "closed-again", participant.id)
            await erasure.close(session, participant.id, again=True)
        case "withdrew":
            await _withdraw_again(session, participant, ending.statement)


async def participants_to_ask_again(session: AsyncSession) -> list[UUID]:
    """Whom the restored database takes for consenting to research."""
    return list(await session.scalars(CONSENTING))


async def ask_again_about_research(session: AsyncSession, participant_id: UUID) -> None:
    """No research from now on, until they say yes again; studies' rows are erased as after a withdrawal.

    No statement is added: this one isn't theirs.
    """
    participant = await session.get(Participant, participant_id, with_for_update=True)
    if participant is None or not participant.decide_on_research(False):
        return
    await studies.withdraw(session, participant_id)
    await security_log.note(session, "research-to-be-asked-again", participant_id)


async def _withdraw_again(session: AsyncSession, participant: Participant, statement: int) -> None:
    """Their own no, unless the restored database knows of it or of what they stated later."""
    newest = select(Consent).where(Consent.participant_id == participant.id).order_by(Consent.position.desc())
    known = await session.scalar(newest.limit(1))
    if known is not None and known.position < statement:
        await account.decide_on_research(session, participant, consent=False, language=known.language)


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
