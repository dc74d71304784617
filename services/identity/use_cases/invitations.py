"""Making invitations: in batches, each for one person, shown once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity import queries
from services.identity.errors import CommunitiesDontFit, CommunityUnknown, MayNotInvite, SameAsDoesntFit
from services.identity.keys import keys_of
from services.identity.models.invitations import Invitation
from services.identity.models.participants import Participant
from services.identity.policy import codes
from services.identity.policy.roles import communities_fit, may_invite, one_consultant
from shared import clock
from shared.database import security_log

VOID = text("DELETE FROM invitations WHERE batch_id = :batch RETURNING expires_on")


@dataclass(frozen=True, slots=True)
class MakeInvitations:
    """`days`: good until the end of that many days from today (UTC).

    `same_as`: the forum profile that the one invited consultant has in another region.
    """

    role: str
    communities: Sequence[UUID]
    count: int = 1
    days: int = 30
    same_as: UUID | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """Codes of one batch. They can't be read again: `renew_batch` voids them and makes others."""

    id: UUID
    codes: list[str]
    expires_on: date


async def make_invitations(
    session: AsyncSession,
    command: MakeInvitations,
    *,
    maker: Participant | None = None,
    batch_id: UUID | None = None,
) -> Batch:
    """`maker` None is the operator of the machine.

    Raises SameAsDoesntFit, CommunitiesDontFit, MayNotInvite, CommunityUnknown.
    """
    if command.same_as is not None and not one_consultant(command.role, command.count):
        raise SameAsDoesntFit
    communities = sorted(set(command.communities))
    if not communities_fit(command.role, communities):
        raise CommunitiesDontFit
    if maker is not None and not may_invite(maker.role, maker.community_ids, command.role, communities):
        raise MayNotInvite
    if not await queries.all_open(session, communities):
        raise CommunityUnknown(headers={"Retry-After": "1"})
    batch = Batch(
        batch_id or uuid4(),
        [codes.draw(codes.INVITATION_LENGTH) for _ in range(command.count)],
        clock.today() + timedelta(days=command.days),
    )
    maker_id = None if maker is None else maker.id
    session.add_all(
        Invitation.of(
            code,
            keys_of(session),
            batch_id=batch.id,
            made_by=maker_id,
            role=command.role,
            communities=communities,
            expires_on=batch.expires_on,
            same_as=command.same_as,
        )
        for code in batch.codes
    )
    await security_log.note(session, "invitations-made", maker_id)
    await session.flush()
    return batch


async def renew_batch(
    session: AsyncSession, command: MakeInvitations, batch_id: UUID, *, maker: Participant
) -> Batch:
    """The batch again, for a maker whose answer was lost: open codes are voided, as many others take their place."""
    voided = (await session.execute(VOID, {"batch": batch_id})).scalars().all()
    remade = replace(command, count=len(voided))
    return await make_invitations(session, remade, maker=maker, batch_id=batch_id)


async def invite_first(
    session: AsyncSession, role: str, communities: Sequence[UUID], *, days: int = 30
) -> str | None:
    """A fresh code for the region's first person of a role, the one before voided; None once somebody joined.

    For deployments, which call it at each start. Raises as `make_invitations`.
    """
    if await queries.has_joined(session, role):
        return None
    firsts = uuid5(NAMESPACE_URL, f"urn:peercafe:first-invitation:{role}")
    await session.execute(delete(Invitation).where(Invitation.batch_id == firsts))
    batch = await make_invitations(session, MakeInvitations(role, communities, days=days), batch_id=firsts)
    return batch.codes[0]


async def forget_expired_invitations(session: AsyncSession) -> None:
    """Invitations past their last day open nothing any more: they go."""
    await session.execute(delete(Invitation).where(Invitation.expires_on < clock.today()))
