"""Cafés as one person may see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.errors import NotFound
from services.events.models.answers import LIKELY
from services.events.models.gatherings import Gathering
from services.events.policy.callers import Visitor
from services.events.policy.ownership import owner_of
from services.events.schemas import Counts, GatheringItem, GatheringPage
from shared.keys import SealingKeys

SEEN = (
    "SELECT g.*, c.name AS community_name, a.answer, a.position, a.revision AS answered_revision,"
    " a.place_came, k.alias IS NOT NULL AS checked_in"
    " FROM gatherings g JOIN communities c ON c.id = g.community_id"
    " LEFT JOIN answers a ON a.gathering_id = g.id AND a.alias = :alias"
    " LEFT JOIN check_ins k ON k.gathering_id = g.id AND k.alias = :alias"
    " WHERE g.community_id = ANY(CAST(:communities AS uuid[]))"
)
PAGE = (
    " AND g.starts >= :since"
    " AND (CAST(:after AS uuid) IS NULL OR (g.starts, g.id) >"
    "  (SELECT last.starts, last.id FROM gatherings last WHERE last.id = :after"
    "   AND last.community_id = ANY(CAST(:communities AS uuid[]))))"
    " ORDER BY g.starts, g.id LIMIT :limit"
)
LISTED = text(SEEN + PAGE)
ONE = text(SEEN + " AND g.id = :gathering")
WAITING_BEFORE = text("SELECT count(*) FROM answers WHERE gathering_id = :gathering AND position < :position")
COUNTS = text(
    "SELECT count(*) FILTER (WHERE answer = 'come' AND position IS NULL) AS come,"
    " count(*) FILTER (WHERE answer = 'maybe') AS maybe, count(position) AS waiting"
    " FROM answers WHERE gathering_id = :gathering"
)
OWN_NAME = text("SELECT sealed FROM called_names WHERE owner = :owner")


@dataclass(frozen=True, slots=True)
class Seen:
    """A café beside what the person who looks has said about it."""

    gathering: Gathering
    community_name: str
    answer: str | None
    position: int | None
    answered_revision: int | None
    place_came: bool
    checked_in: bool

    def item(self, visitor: Visitor, at: datetime) -> GatheringItem:
        """What lists show: nothing that only those who come may know."""
        return GatheringItem.model_validate(self.fields(visitor, at))

    def fields(self, visitor: Visitor, at: datetime) -> dict[str, Any]:
        """By the API's names."""
        cafe = self.gathering
        return {
            "id": cafe.id,
            "community_id": cafe.community_id,
            "community_name": self.community_name,
            "title": cafe.title,
            "starts": wall(cafe.starts),
            "zone": cafe.zone,
            "duration_minutes": cafe.duration_minutes,
            "area": cafe.area,
            "step_free": cafe.step_free,
            "cancelled": cafe.cancelled,
            "moved_from": None if cafe.previous_starts is None else wall(cafe.previous_starts),
            "reason": cafe.reason,
            "answer": self.answer,
            "waiting": self.position is not None,
            "checked_in": self.checked_in,
            "has_prompt": cafe.prompt_thread is not None or cafe.prompt_text is not None,
            "today": cafe.is_today(at),
            "over": cafe.is_over(at),
            "check_in_open": not cafe.cancelled and cafe.check_in.holds(at),
            "head_count": cafe.head_count if visitor.is_consultant else None,
        }


def wall(time: datetime) -> str:
    """A local wall time as the API writes it."""
    return time.isoformat(timespec="minutes")


def seen(row: RowMapping) -> Seen:
    """A row of SEEN."""
    columns = {column.name: row[column.name] for column in Gathering.__table__.columns}
    return Seen(
        Gathering(**columns),
        row["community_name"],
        row["answer"],
        row["position"],
        row["answered_revision"],
        bool(row["place_came"]),
        row["checked_in"],
    )


async def listed(
    session: AsyncSession, visitor: Visitor, since: datetime, after: UUID | None, limit: int
) -> list[Seen]:
    """At most `limit` cafés of one's communities from a local time on, in order, after the one with id `after`."""
    rows = await session.execute(LISTED, _about(visitor) | {"since": since, "after": after, "limit": limit})
    return [seen(row) for row in rows.mappings()]


async def one(
    session: AsyncSession,
    secret: bytes,
    keys: SealingKeys,
    visitor: Visitor,
    gathering_id: UUID,
    at: datetime,
) -> GatheringPage:
    """A café's page. The exact place is for consultants and whoever comes, or maybe. Raises NotFound."""
    rows = await session.execute(ONE, _about(visitor) | {"gathering": gathering_id})
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound()
    found = seen(row)
    cafe = found.gathering
    ahead = None
    if found.position is not None:
        ahead = await session.scalar(WAITING_BEFORE, {"gathering": cafe.id, "position": found.position})
    name = None
    declines = found.answer is not None and found.answer not in LIKELY
    if not declines:
        name = await session.scalar(OWN_NAME, {"owner": owner_of(secret, cafe.id, visitor.alias)})
    return GatheringPage.model_validate(
        found.fields(visitor, at)
        | {
            "way_there": cafe.way_there,
            "toilet": cafe.toilet,
            "met_by": cafe.met_by,
            "place": cafe.place if visitor.is_consultant or found.answer in LIKELY else None,
            "capacity": cafe.capacity,
            "full": await _is_full(session, cafe),
            "waiting_position": None if ahead is None else ahead + 1,
            "prompt_thread": cafe.prompt_thread,
            "prompt_text": cafe.prompt_text,
            "called": None if name is None else keys.open(name, cafe.id.bytes).decode(),
            "takes_names": cafe.planned_by is not None and not declines,
            "planned_by_me": cafe.planned_by == visitor.alias,
        }
    )


async def counts(session: AsyncSession, gathering_id: UUID) -> Counts:
    """How many come, maybe, or wait. Who said no is counted nowhere: a refusal needs no chair."""
    row = (await session.execute(COUNTS, {"gathering": gathering_id})).one()
    return Counts(come=row.come, maybe=row.maybe, waiting=row.waiting)


async def _is_full(session: AsyncSession, cafe: Gathering) -> bool:
    if cafe.capacity is None:
        return False
    said = await counts(session, cafe.id)
    return said.come >= cafe.capacity or said.waiting > 0


def _about(visitor: Visitor) -> dict[str, object]:
    return {"alias": visitor.alias, "communities": sorted(visitor.communities)}
