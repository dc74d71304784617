"""Sessions begin, are exchanged for access tokens, and end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity import queries
from services.identity.errors import AudienceNotForRole, SessionEnded, SignInFailed
from services.identity.keys import keys_of
from services.identity.models.participants import Participant
from services.identity.models.sessions import Reused, Session, SessionToken
from services.identity.policy.roles import NAMED_AUDIENCES, PUBLIC_CLIENTS, may_enter
from services.identity.switchboard import addresses
from services.identity.tokens import Subject
from services.identity.use_cases import proofs
from shared import clock
from shared.database import security_log

# The scope of a token that tells the forum a member's community, because they show it there.
SHOWING = "community"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long sessions of members and of everybody else last, and a predecessor is still answered."""

    member: timedelta
    staff: timedelta
    predecessor: timedelta


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """A session presented for one audience."""

    token: str
    client_id: str
    audience: str
    scope: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Exchanged:
    """Whom the access token is about, and a public client's next session token."""

    subject: Subject
    successor: str | None


async def start_session(
    session: AsyncSession, checked: queries.Verifier, client_id: str, lifetimes: Lifetimes
) -> tuple[str, datetime]:
    """(token, when it ends) for somebody whose passphrase was just `checked`.

    Raises SignInFailed when it was replaced, or the account ended, meanwhile.
    """
    participant_id = checked.participant_id
    if await proofs.standing(session, checked, shared=True) is None:
        raise SignInFailed
    participant = await session.get_one(Participant, participant_id)
    if not participant.active:
        raise SignInFailed
    lasts = lifetimes.member if participant.role == "member" else lifetimes.staff
    token = SessionToken.draw()
    opened = Session.open(participant_id, client_id, token, keys_of(session), at=clock.now(), lasts=lasts)
    session.add(opened)
    await security_log.note(session, "signed-in", participant_id)
    await session.flush()
    return str(token), opened.expires_at


async def exchange(session: AsyncSession, command: Exchange, lifetimes: Lifetimes) -> Exchanged | None:
    """What the access token may say. None: the token was used up before, so its family has just ended.

    That isn't raised, because it must be committed. Raises SessionEnded, AudienceNotForRole.
    """
    keys, now = keys_of(session), clock.now()
    token = SessionToken.read(command.token)
    if token is None:
        raise SessionEnded
    rotates = command.client_id in PUBLIC_CLIENTS
    # Two requests with one token at once: locked, so that the second sees the first's rotation.
    found = await session.get(Session, token.family_hash(keys), with_for_update=rotates)
    if found is None or not found.is_of(command.client_id, now):
        raise SessionEnded
    participant = await session.get(Participant, found.participant_id)
    if participant is None or not participant.active:
        raise SessionEnded
    successor = None
    try:
        if rotates:
            successor = found.rotate(token, keys, at=now, grace=lifetimes.predecessor)
        else:
            found.check(token, keys)
    except Reused:
        await session.delete(found)
        await security_log.note(session, "session-reused", participant.id)
        await session.flush()
        return None
    if not may_enter(participant.role, command.audience):
        raise AudienceNotForRole
    try:
        alias = await addresses.alias_of(session, participant.id, command.audience)
    except addresses.ParticipantGone:  # erased at this moment
        raise SessionEnded from None
    subject = Subject(
        alias=alias,
        role=participant.role,
        name=participant.display_name(keys) if command.audience in NAMED_AUDIENCES else None,
        communities=tuple(participant.community_ids) if command.audience == "events" else None,
        community=await _shown_community(session, participant, command),
        same_as=participant.same_as(keys) if command.audience == "forum" else None,
    )
    await session.flush()
    return Exchanged(subject, None if successor is None else str(successor))


async def _shown_community(session: AsyncSession, participant: Participant, command: Exchange) -> str | None:
    """The name of a member's only community, if the token is to say it."""
    if participant.role != "member" or (command.audience, command.scope) != ("forum", SHOWING):
        return None
    names = await queries.community_names(session, participant.community_ids)
    return names[0].name if names else None


async def end_session(session: AsyncSession, presented: str) -> None:
    """Sign out by a token of the session's present rotation or its predecessor's; unknown ones are no error."""
    keys = keys_of(session)
    token = SessionToken.read(presented)
    if token is not None:
        await session.execute(
            delete(Session).where(
                Session.family_hash == token.family_hash(keys),
                (Session.token_hash == token.hash(keys)) | (Session.predecessor_hash == token.hash(keys)),
            )
        )


async def end_sessions(session: AsyncSession, participant_id: UUID) -> None:
    """Sign out everywhere: access tokens run out within five minutes, sessions at once."""
    await session.execute(delete(Session).where(Session.participant_id == participant_id))


async def sign_out_everywhere(session: AsyncSession, participant_id: UUID) -> None:
    """End every session, at the person's wish."""
    await end_sessions(session, participant_id)
    await security_log.note(session, "signed-out-everywhere", participant_id)


async def forget_expired_sessions(session: AsyncSession) -> None:
    """Sessions past their end say when somebody signed in: they go."""
    await session.execute(delete(Session).where(Session.expires_at <= clock.now()))
