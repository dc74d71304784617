"""One's own account: research, export, leaving."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity import queries
from services.identity.keys import keys_of
from services.identity.models.credentials import Consent
from services.identity.models.participants import Participant
from services.identity.switchboard import endings, enrolments, erasure, studies
from services.identity.texts import CONSENT_VERSION
from services.identity.use_cases import proofs
from shared import clock
from shared.api.callers import SignInNeeded
from shared.database import security_log


async def decide_on_research(
    session: AsyncSession, participant: Participant, *, consent: bool, language: str
) -> None:
    """The choice from now on. A no erases what studies have of this person; saying the same again changes nothing.

    A no to being asked again after a restore is a statement too.
    Raises SignInNeeded when the account is erased at this moment.
    """
    try:
        await session.refresh(participant, ["research"], with_for_update=True)
    except InvalidRequestError:  # the row is no longer there
        raise SignInNeeded from None
    asked_again = await queries.is_asked_again_about_research(session, participant)
    if not participant.decide_on_research(consent) and not asked_again:
        return
    stated = await session.scalar(
        select(func.max(Consent.position)).where(Consent.participant_id == participant.id)
    )
    position = (stated or 0) + 1
    session.add(
        Consent.state(
            participant.id,
            "research",
            CONSENT_VERSION,
            language,
            participant.research,
            on=clock.today(),
            position=position,
        )
    )
    await session.flush()
    if participant.research:
        await enrolments.enrol(session, participant.id)
    else:
        await endings.keep(session, participant.id, "withdrew", statement=position)
        await studies.withdraw(session, participant.id)
    event = "research-consent-given" if participant.research else "research-consent-withdrawn"
    await security_log.note(session, event, participant.id)


async def export(session: AsyncSession, participant: Participant) -> dict[str, Any]:
    """All that identity keeps about this person in a form they can read. Aliases are not among it: they would
    join what the services keep apart.
    """
    keys = keys_of(session)
    await security_log.note(session, "exported", participant.id)
    communities = await queries.community_names(session, participant.community_ids)
    return {
        "role": participant.role,
        "joined_on": participant.joined_on,
        "research": participant.research,
        "display_name": participant.display_name(keys),
        "communities": [{"id": community.id, "name": community.name} for community in communities],
        **await queries.account_data(session, participant.id),
    }


async def leave(session: AsyncSession, checked: queries.Verifier) -> str:
    """Erase the account: here at once, at the other services each at its own time. Answers the receipt code, once.

    Invitations handed out by this person stay open: somebody else waits with the card. Raises SignInNeeded when
    the passphrase was replaced since it was `checked`, or another request has erased the account.
    """
    if await proofs.standing(session, checked) is None:
        raise SignInNeeded
    await security_log.note(session, "erased", checked.participant_id)
    return await erasure.erase(session, checked.participant_id)
