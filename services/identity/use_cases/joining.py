"""Joining by an invitation."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity import queries
from services.identity.errors import (
    AdultsOnly,
    DisplayNameNeeded,
    DisplayNameNotAllowed,
    DisplayNameNotForRole,
    DisplayNameTaken,
    InvitationNotOpen,
    SignInNameTaken,
    TextChanged,
)
from services.identity.keys import keys_of
from services.identity.models.credentials import Consent, Credential
from services.identity.models.invitations import invitation_hash
from services.identity.models.participants import Participant
from services.identity.policy.names import display_name_allowed
from services.identity.switchboard import enrolments
from services.identity.texts import AGREEMENT_VERSION, CONSENT_VERSION
from services.identity.use_cases import proofs
from services.identity.use_cases.recovery import give_recovery_codes
from shared import clock
from shared.database import security_log

# Whoever deletes the row has the invitation: of two who come at once with one code, one joins.
USE = text(
    "DELETE FROM invitations WHERE code_hash = :code AND expires_on >= :today RETURNING role, communities,"
    " same_as"
)


@dataclass(frozen=True, slots=True, repr=False)
class Join:
    """What somebody says when joining; the passphrase has become its `verifier`."""

    invitation: str
    over_18: bool
    consent_version: str
    research: bool
    agreement_version: str
    language: str
    sign_in_name: str
    verifier: str
    display_name: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Joined:
    participant_id: UUID
    recovery_codes: list[str]


async def join(session: AsyncSession, command: Join) -> Joined:
    """Uses up the invitation. Raises AdultsOnly, TextChanged, InvitationNotOpen, SignInNameTaken, DisplayName…"""
    if not command.over_18:
        raise AdultsOnly
    if (command.consent_version, command.agreement_version) != (CONSENT_VERSION, AGREEMENT_VERSION):
        raise TextChanged
    keys, today = keys_of(session), clock.today()
    used = (
        await session.execute(USE, {"code": invitation_hash(command.invitation, keys), "today": today})
    ).one_or_none()
    if used is None:
        raise InvitationNotOpen
    _check_display_name(used.role, command.display_name)
    participant = Participant.join(
        used.role,
        list(used.communities),
        research=command.research,
        display_name=command.display_name,
        same_as=used.same_as,
        keys=keys,
        on=today,
    )
    session.add(participant)
    await _flush(session)
    session.add(Credential.passphrase(participant.id, command.sign_in_name, command.verifier, keys, on=today))
    await _flush(session)
    session.add_all(_statements(participant, command))
    await enrolments.enrol(session, participant.id)
    await security_log.note(session, "joined", participant.id)
    return Joined(participant.id, await give_recovery_codes(session, participant.id))


async def join_again(session: AsyncSession, participant_id: UUID) -> Joined:
    """For somebody whose answer was lost: fresh recovery codes.

    Raises InvitationNotOpen once they have left or replaced their passphrase: until then the request itself proves that
    it is theirs. That they have signed in says nothing: the website does so with the first answer, which may be lost.
    """
    credential = await proofs.locked(session, participant_id)
    participant = await session.get(Participant, participant_id)
    if credential is None or participant is None or not participant.active:
        raise InvitationNotOpen
    if await queries.passphrase_was_replaced(session, participant_id):
        raise InvitationNotOpen
    return Joined(participant_id, await give_recovery_codes(session, participant_id))


def _check_display_name(role: str, display_name: str | None) -> None:
    if role != "consultant":
        if display_name is not None:
            raise DisplayNameNotForRole
        return
    if display_name is None:
        raise DisplayNameNeeded
    if not display_name_allowed(display_name):
        raise DisplayNameNotAllowed


def _statements(participant: Participant, command: Join) -> list[Consent]:
    said = [
        ("participation", command.consent_version, True),
        ("research", command.consent_version, participant.research),
        ("agreement", command.agreement_version, True),
    ]
    return [
        Consent.state(
            participant.id,
            kind,
            version,
            command.language,
            given,
            on=participant.joined_on,
            position=position,
        )
        for position, (kind, version, given) in enumerate(said)
    ]


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "__cause__", None), "constraint_name", "")
        if constraint == "participants_display_name_hash_key":
            raise DisplayNameTaken from None
        if constraint == "credentials_kind_identifier_hash_key":
            raise SignInNameTaken from None
        raise
