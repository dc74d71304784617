"""Before and at joining: texts, sign-in names, what an invitation is for."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.identity import queries
from services.identity.errors import InvitationNotOpen
from services.identity.http.service import Here, not_stored
from services.identity.models.invitations import invitation_hash
from services.identity.offers import language_of_choice, make_offer
from services.identity.schemas import (
    Community,
    InvitationCode,
    InvitationLook,
    Joining,
    OfferedNames,
    RecoveryCodes,
)
from services.identity.texts import (
    AGREEMENT_VERSION,
    CONSENT_VERSION,
    AgreementVersion,
    ConsentVersion,
    Language,
    Texts,
    texts,
)
from services.identity.use_cases.joining import Join, join, join_again
from shared import clock
from shared.api import idempotency
from shared.api.transactions import Session

router = APIRouter(tags=["joining"])
InLanguage = Annotated[Language, Query(description="en or nb (Norwegian bokmål).")]


@router.get("/texts")
async def read_texts(
    response: Response,
    language: InLanguage = "en",
    consent: ConsentVersion = CONSENT_VERSION,
    agreement: AgreementVersion = AGREEMENT_VERSION,
) -> Texts:
    """Consent and group agreement: the versions in force, or those that somebody said yes to (`GET /me`)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return texts(language, consent, agreement)


@router.get("/sign-in-names", dependencies=[Depends(not_stored)])
async def offer_sign_in_names(here: Here, language: InLanguage = "en") -> OfferedNames:
    """A few sign-in names to choose from."""
    offer, names = make_offer(here.keys, language, at=clock.now())
    return OfferedNames(offer=offer, names=names)


@router.post("/invitations/look", dependencies=[Depends(not_stored)])
async def look_at_invitation(body: InvitationCode, session: Session, here: Here) -> InvitationLook:
    """What an invitation is for. Unknown, used and expired ones answer alike."""
    found = await queries.open_invitation(session, invitation_hash(body.invitation, here.keys), clock.today())
    if found is None:
        raise InvitationNotOpen
    role, communities = found
    names = await queries.community_names(session, communities)
    return InvitationLook.model_validate(
        {
            "role": role,
            "communities": [Community(id=community.id, name=community.name) for community in names],
        }
    )


@router.post("/members", status_code=201, dependencies=[Depends(not_stored)])
async def join_by_invitation(body: Joining, session: Session, here: Here) -> RecoveryCodes:
    """Join. The invitation itself is the idempotency key: the same body again gets fresh recovery codes."""
    language = language_of_choice(here.keys, body.offer, body.sign_in_name, at=clock.now())
    passphrases = here.authentication.passphrases
    passphrases.check(body.passphrase, body.sign_in_name)
    secret, code_hash = here.keys.secret, invitation_hash(body.invitation, here.keys)
    async with here.sessions() as looking:  # ends before argon2 begins: no connection waits for a thread
        answered = await idempotency.came_before(looking, secret, code_hash, "members", "", body)
        if not answered and await queries.open_invitation(looking, code_hash, clock.today()) is None:
            raise InvitationNotOpen  # before any work: whoever guesses codes keeps no hashing thread busy
    verifier = ""
    if not answered:
        with passphrases.place():
            verifier = await passphrases.hash(body.passphrase)
    try:
        claim = await idempotency.claim(session, secret, code_hash, "members", "", body)
    except idempotency.IdempotencyKeyReused:
        raise InvitationNotOpen from None
    if claim.made_id is not None:
        again = await join_again(session, claim.made_id)
        return RecoveryCodes(recovery_codes=again.recovery_codes)
    joined = await join(
        session,
        Join(
            invitation=body.invitation,
            over_18=body.over_18,
            consent_version=body.consent_version,
            research=body.research,
            agreement_version=body.agreement_version,
            language=language,
            sign_in_name=body.sign_in_name,
            verifier=verifier,
            display_name=body.display_name,
        ),
    )
    await claim.made(session, joined.participant_id)
    return RecoveryCodes(recovery_codes=joined.recovery_codes)
