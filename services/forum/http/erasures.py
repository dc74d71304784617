"""How far an erasure has come in other regions: by its id, for whoever was given it. Nobody can sign in any more."""

from fastapi import Response

from services.forum.http.service import Here, answer
from services.forum.queries.erasures import confirmations
from services.forum.schemas import ErasureAsked, ErasureElsewhere
from services.forum.use_cases.leaving import among_regions
from shared.api import routes

router = routes.router("erasures")


@router.post("/erasures/look", response_model=ErasureElsewhere)
async def look(body: ErasureAsked, here: Here) -> Response:
    """Which other regions have told that they erased it, by day. One that isn't known has none."""
    known = among_regions(here.secret, body.erasure_id)
    regions = await confirmations(here.database, known, here.home.region, here.settings.neighbours)
    return answer({"regions": regions})
