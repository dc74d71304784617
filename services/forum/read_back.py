"""After a restore, or with a new Kafka: the forum's topics and its database agree again (DESIGN §3, §4).

Taking is what the consumers of the forum's own records do anyway: the higher version wins, and the clock goes on above it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.replicas.tables import TABLES
from shared.bus.read_back import ReadBack, rows_of
from shared.contracts.payloads.forum import ErasureRequested
from shared.contracts.payloads.payload import State
from shared.telemetry import notices

ERASURES = text(
    "SELECT id, home, version, erased, erasure_id, profiles, threads, posts, reactions, acknowledged FROM erasures"
    " WHERE home = :home AND id > :after ORDER BY id LIMIT :limit"
)
# A name taken since the backup stays taken.
RESERVE = text(
    "INSERT INTO names (skeleton, profile_id) SELECT skeleton, id FROM profiles"
    " WHERE home = :home AND skeleton IS NOT NULL ORDER BY id ON CONFLICT DO NOTHING"
)
OWNERLESS = text(
    "SELECT count(*) FROM profiles p WHERE p.home = :home AND NOT p.erased"
    " AND NOT EXISTS (SELECT FROM members m WHERE m.profile_id = p.id)"
)
OWNERLESS_NAMES = (
    "Forum names that were taken since the backup belong to nobody now: their posts stay, their owners choose another name, "
    "and a peer consultant hides what they want gone. docs/backups.md says more."
)


async def compare(back: ReadBack, home: Home) -> None:
    """Take what the topics know beyond the tables, then send what they lack."""
    await back.take_heard()
    for table in TABLES.values():
        if table.entity is None:
            await back.send_again(table.topic, partial(_erasures, home.region))
        else:
            own = table.entity.home == home.region
            await back.send_again(table.topic, rows_of(table.entity, lambda row: row.record(), own))
    async with back.sessions() as session, session.begin():
        await session.execute(RESERVE, {"home": home.region})
        ownerless = await session.scalar(OWNERLESS, {"home": home.region})
    if ownerless:
        structlog.get_logger().warning("forum names taken since the backup belong to nobody", count=ownerless)
        notices.tell(OWNERLESS_NAMES)


async def _erasures(region: str, session: AsyncSession, after: Any, limit: int) -> Sequence[State]:
    rows = await session.execute(ERASURES, {"home": region, "after": after or "", "limit": limit})
    return [
        ErasureRequested(
            id=row.id,
            home=row.home,
            version=row.version,
            erased=row.erased,
            erasure_id=UUID(str(row.erasure_id)),
            profiles=tuple(row.profiles),
            threads=tuple(row.threads),
            posts=tuple(row.posts),
            reactions=tuple(row.reactions),
            acknowledged=row.acknowledged,
        )
        for row in rows
    ]
