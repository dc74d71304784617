"""Identity's replica of the communities: whom invitations and studies may name."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.records import Received
from shared.contracts.payloads.events import CommunityRecorded

APPLY = text(
    "INSERT INTO communities AS known (id, home, version, erased, name, area, open, received)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:homes AS text[]), CAST(:versions AS bigint[]),"
    "   CAST(:erased AS boolean[]), CAST(:names AS text[]), CAST(:areas AS text[]), CAST(:open AS boolean[]),"
    "   CAST(:received AS bytea[]))"
    " ON CONFLICT (id) DO UPDATE SET (home, version, erased, name, area, open, received)"
    "   = (excluded.home, excluded.version, excluded.erased, excluded.name, excluded.area, excluded.open,"
    "      excluded.received)"
    " WHERE excluded.version > known.version"
)


async def apply(session: AsyncSession, received: list[Received[CommunityRecorded]]) -> None:
    """Store the newest state of each; older ones than are here change nothing, in whatever order they come."""
    states = [record.payload for record in received]
    await session.execute(
        APPLY,
        {
            "ids": [state.id for state in states],
            "homes": [state.home for state in states],
            "versions": [state.version for state in states],
            "erased": [state.erased for state in states],
            "names": [state.name or "" for state in states],
            "areas": [state.area or "" for state in states],
            "open": [state.open for state in states],
            "received": [record.body for record in received],
        },
    )
