"""What is new about cafés for one member: until they answered, or the day is past."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.answers import LIKELY
from services.events.policy.callers import Visitor
from services.events.policy.wall_time import earliest_still_on
from services.events.queries.gatherings import SEEN, Seen, seen
from services.events.schemas import ForYouItem, ForYouKind

COMING = text(SEEN + " AND g.starts >= :since ORDER BY g.starts, g.id")


async def for_you(session: AsyncSession, visitor: Visitor, at: datetime) -> list[ForYouItem]:
    """In the order of the cafés. Of a monthly series only the next café is new, so that a year's plan is one item."""
    if visitor.is_consultant:
        return []
    since = earliest_still_on(at)
    rows = await session.execute(
        COMING, {"alias": visitor.alias, "communities": sorted(visitor.communities), "since": since}
    )
    items = []
    series_met: set[UUID] = set()
    for cafe in (seen(row) for row in rows.mappings()):
        if cafe.gathering.is_over(at):
            continue
        kind = _kind(cafe, first_of_series=cafe.gathering.series_id not in series_met)
        if not cafe.gathering.cancelled:
            series_met.add(cafe.gathering.series_id)
        if kind is not None:
            items.append(ForYouItem(kind=kind, cafe=cafe.item(visitor, at)))
    return items


def _kind(cafe: Seen, *, first_of_series: bool) -> ForYouKind | None:
    if cafe.gathering.cancelled:
        return "cancelled" if cafe.answer in LIKELY else None
    if cafe.answer is None:
        return "new" if first_of_series and not cafe.checked_in else None
    if cafe.answered_revision is not None and cafe.answered_revision < cafe.gathering.revision:
        return "moved"
    return "place-free" if cafe.place_came else None
