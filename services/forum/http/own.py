"""For you, search, and taking one's own along."""

from typing import Annotated

from fastapi import Query, Response

from services.forum.http.service import Exporter, Here, Reader, answer
from services.forum.queries import news
from services.forum.queries import own as queries
from services.forum.queries import search as searching
from services.forum.schemas import Found, News
from shared.api import routes
from shared.api.pages import After, Limit

router = routes.router("for you")


@router.get("/for-you", response_model=News)
async def for_you(here: Here, caller: Reader) -> Response:
    """Replies not yet opened in threads one watches, and what moderation did to one's own; for peer consultants
    also that something was told.
    """
    region = here.home.region if caller.role == "consultant" else None
    return answer(await news.for_you(here.database, caller.alias, region, here.home.standing()))


@router.get("/search", response_model=Found)
async def search(
    here: Here,
    caller: Reader,
    q: Annotated[str, Query(min_length=2, max_length=200, description="Words, in English or Norwegian.")],
    after: After = None,
    limit: Limit = 20,
) -> Response:
    """Threads and posts with these words, the newest first."""
    standing = here.home.standing()
    return answer(
        await searching.search(here.database, caller.alias, q, after=after, limit=limit, standing=standing)
    )


@router.get("/export")
async def export(here: Here, caller: Exporter) -> Response:
    """Everything this forum keeps of the caller."""
    return answer(await queries.export(here.database, caller.alias))
