"""Communities: the only part of this service that is open to operators."""

from fastapi import APIRouter

from services.events.http.service import CommunityReader, Here, Operator
from services.events.models.communities import Community
from services.events.queries import communities as queries
from services.events.schemas import Communities, CommunityOut, NewCommunity
from services.events.use_cases.communities import make_community
from shared.api import idempotency
from shared.api.idempotency import IdempotencyKey
from shared.api.problems import NotFound
from shared.api.transactions import Session

router = APIRouter(prefix="/communities", tags=["communities"])


@router.post("", status_code=201)
async def make(
    body: NewCommunity, here: Here, session: Session, caller: Operator, key: IdempotencyKey
) -> CommunityOut:
    """Make a community."""
    claim = await idempotency.claim(session, here.secret, caller.alias, "communities", key, body)
    if claim.made_id is not None:
        earlier = await session.get(Community, claim.made_id)
        if earlier is None:
            raise NotFound()
        return CommunityOut.model_validate(earlier)
    community = await make_community(session, here.settings.region, body.name, body.area, here.now)
    await claim.made(session, community.id)
    return CommunityOut.model_validate(community)


@router.get("")
async def listed(session: Session, caller: CommunityReader) -> Communities:
    """All communities for an operator; for a peer consultant those they serve."""
    only = caller.communities if caller.is_consultant else None
    found = await queries.listed(session, only)
    return Communities(items=[CommunityOut.model_validate(community) for community in found])
