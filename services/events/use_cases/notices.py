"""Telling identity's switchboard that somebody should hear of something: a category and an urgency, nothing else."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.payloads.notices import NoticeLooked, NoticeRequested, Urgency
from shared.contracts.topics import NOTICES_REQUESTED
from shared.outbox import add as outbox

TOPIC = NOTICES_REQUESTED["events"]

# In random order: the order of rows would otherwise repeat the order in which people first came here.
MEMBERS_OF = text(
    "SELECT alias FROM guests WHERE communities @> ARRAY[CAST(:community AS uuid)]"
    " AND role = 'member' AND NOT closed AND NOT erased ORDER BY random()"
)
LIKELY_GUESTS = text(
    "SELECT alias FROM answers WHERE gathering_id = :gathering AND answer IN ('come', 'maybe') ORDER BY random()"
)


async def tell_community(session: AsyncSession, community_id: UUID, at: datetime) -> None:
    """A new café: for the members of its community who are known here."""
    aliases = (await session.scalars(MEMBERS_OF, {"community": community_id})).all()
    await _request(session, aliases, "ordinary", at)


async def tell_likely_guests(session: AsyncSession, gathering_id: UUID, at: datetime) -> None:
    """A café moved or was cancelled: soon, for those who said that they come, or maybe."""
    aliases = (await session.scalars(LIKELY_GUESTS, {"gathering": gathering_id})).all()
    await _request(session, aliases, "soon", at)


async def tell_those_with_a_place(session: AsyncSession, aliases: Sequence[UUID], at: datetime) -> None:
    """A place came free: soon, for those who got it."""
    await _request(session, aliases, "soon", at)


async def looked(session: AsyncSession, alias: UUID, at: datetime) -> None:
    """This member has seen what was new about cafés."""
    await outbox.add(session, TOPIC, alias, NoticeLooked(category="cafes"), at=at)


async def _request(session: AsyncSession, aliases: Sequence[UUID], urgency: Urgency, at: datetime) -> None:
    notice = NoticeRequested(category="cafes", urgency=urgency)
    await outbox.add_all(session, TOPIC, [(alias, notice) for alias in aliases], at=at)
