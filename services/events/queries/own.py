"""Everything this service keeps about one alias, for its owner."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.policy.callers import Visitor
from services.events.policy.ownership import owner_of
from services.events.schemas import Export, ExportedAnswer, ExportedCafe, ExportedName
from shared.keys import SealingKeys

CAFE = (
    "g.id AS gathering_id, c.name AS community, to_char(g.starts, 'YYYY-MM-DD\"T\"HH24:MI') AS starts"
    " FROM gatherings g JOIN communities c ON c.id = g.community_id"
)
ANSWERS = text(
    f"SELECT a.answer, a.position IS NOT NULL AS waiting, {CAFE} JOIN answers a ON a.gathering_id = g.id"
    " WHERE a.alias = :alias ORDER BY g.starts, g.id"
)
CHECK_INS = text(
    f"SELECT {CAFE} JOIN check_ins k ON k.gathering_id = g.id WHERE k.alias = :alias ORDER BY g.starts, g.id"
)
PLANNED = text(f"SELECT {CAFE} WHERE g.planned_by = :alias ORDER BY g.starts, g.id")
NAMES = text("SELECT gathering_id, owner, sealed FROM called_names")


async def export(session: AsyncSession, secret: bytes, keys: SealingKeys, visitor: Visitor) -> Export:
    """Answers, check-ins, names left and cafés planned."""
    about = {"alias": visitor.alias}
    answers = (await session.execute(ANSWERS, about)).mappings()
    check_ins = (await session.execute(CHECK_INS, about)).mappings()
    planned = (await session.execute(PLANNED, about)).mappings()
    # Names live until the day after, so there are few; only their owner's hash tells whose they are.
    names = [
        ExportedName(
            gathering_id=row.gathering_id, name=keys.open(row.sealed, row.gathering_id.bytes).decode()
        )
        for row in await session.execute(NAMES)
        if bytes(row.owner) == owner_of(secret, row.gathering_id, visitor.alias)
    ]
    return Export(
        answers=[ExportedAnswer.model_validate(dict(row)) for row in answers],
        check_ins=[ExportedCafe.model_validate(dict(row)) for row in check_ins],
        names_left=names,
        planned=[ExportedCafe.model_validate(dict(row)) for row in planned],
    )
