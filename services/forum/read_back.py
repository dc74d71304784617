"""After a restore, or with a new Kafka: the forum's topics and its database agree again (DESIGN §3, §4).

Taking is what the consumers of the forum's own records do anyway: the higher version wins, and the clock goes on above it.
"""

import structlog
from sqlalchemy import text

from services.forum.ids import Home
from services.forum.replicas.tables import TABLES
from services.forum.use_cases.profiles import hide_communities_of_nobody
from shared.bus.read_back import ReadBack, rows_of
from shared.telemetry import notices

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
        own = table.entity.home == home.region
        await back.send_again(table.topic, rows_of(table.entity, lambda row: row.record(), own))
    async with back.sessions() as session, session.begin():
        await hide_communities_of_nobody(session, home)
        ownerless = await session.scalar(OWNERLESS, {"home": home.region})
    if ownerless:
        structlog.get_logger().warning("forum names taken since the backup belong to nobody", count=ownerless)
        notices.tell(OWNERLESS_NAMES)
