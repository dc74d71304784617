"""Making invitations."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.identity import queries
from services.identity.http.service import Here, account_of, not_stored
from services.identity.models.participants import Participant
from services.identity.schemas import InvitationsMade, InvitationsOpen, MakingInvitations
from services.identity.use_cases.invitations import MakeInvitations, make_invitations, renew_batch
from shared import clock
from shared.api import idempotency
from shared.api.idempotency import IdempotencyKey
from shared.api.transactions import Session

router = APIRouter(prefix="/invitations", tags=["invitations"], dependencies=[Depends(not_stored)])
Maker = Annotated[Participant, Depends(account_of("consultant", "provider", "operator"))]


@router.post("", status_code=201)
async def invite(
    body: MakingInvitations, key: IdempotencyKey, session: Session, maker: Maker, here: Here
) -> InvitationsMade:
    """A batch of invitations, shown once. Repeated with the same key, the open ones are voided and made anew."""
    command = MakeInvitations(body.role, body.communities, body.count, body.days, body.same_as)
    claim = await idempotency.claim(session, here.keys.secret, maker.id, "invitations", key, body)
    if claim.made_id is not None:
        batch = await renew_batch(session, command, claim.made_id, maker=maker)
    else:
        batch = await make_invitations(session, command, maker=maker)
        await claim.made(session, batch.id)
    return InvitationsMade(invitations=batch.codes, expires_on=batch.expires_on)


@router.get("")
async def count_open(session: Session, maker: Maker) -> InvitationsOpen:
    """How many of one's own invitations are open. Never which, nor when one was used."""
    return InvitationsOpen(open=await queries.open_invitations(session, maker.id, clock.today()))
