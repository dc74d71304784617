"""Nights that pass over the copies: each rewrites rows in another random order, by the services' own code.

What an attack on the order of rows names rightly in one copy is luck for the most part: of 24 names drawn blindly one
is right on average, of ten such attacks the best has three or four. Copies of several nights tell what is a leak.
"""

from collections.abc import AsyncIterator

import asyncpg

from services.events.use_cases import shuffling
from services.notifications.flags import apply_notices
from shared.database.engine import make_engine, make_sessions
from tests.unlinkability import copies
from tests.unlinkability.sightings import Row
from tests.unlinkability.stage import Stage

NIGHTS = 12
# Of tables as small as these autovacuum clears away dead rows after so many rewritings; here the nights pass too fast.
BETWEEN_VACUUMS = 3
# Service → the tables that it rewrites.
SHUFFLED = {"events": shuffling.TABLES, "notifications": ("waiting",)}


async def _vacuum(stage: Stage) -> None:
    for service, tables in SHUFFLED.items():
        connection = await asyncpg.connect(stage.databases[service])
        try:
            await connection.execute(f"VACUUM {', '.join(tables)}")
        finally:
            await connection.close()


async def nights(stage: Stage) -> AsyncIterator[dict[str, list[Row]]]:
    """Service → tables, of each service that rewrites its rows, after one night more each."""
    events, notifications = (make_engine(stage.owned[service], pool=1) for service in SHUFFLED)
    try:
        for number in range(NIGHTS):
            if number % BETWEEN_VACUUMS == 0:
                await _vacuum(stage)
            async with make_sessions(events)() as session, session.begin():
                await shuffling.forget_the_order(session)
            async with make_sessions(notifications)() as session, session.begin():
                await apply_notices(session, [])  # as with any notice, all flags are written anew
            yield {service: await copies.tables(stage, service) for service in SHUFFLED}
    finally:
        await events.dispose()
        await notifications.dispose()
