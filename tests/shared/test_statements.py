"""Connections for single statements: kept, counted, replaced, never left in the middle of something."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import statements
from shared.database.engine import make_engine
from shared.database.faults import is_away
from shared.database.statements import Statements
from tests.engines import Engines

WHO = "SELECT pg_backend_pid() AS pid"
BUSY = "SELECT true FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND pid <> pg_backend_pid()"
SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
async def engine(engines: Engines) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(await engines.database("notifications", migrated=False), pool=2)
    yield engine
    await engine.dispose()


async def pid(database: Statements) -> int:
    return int((await database.fetch(WHO))[0]["pid"])


async def alone(database: Statements) -> bool:
    return not (await database.fetch(SESSIONS))[0]["n"]


async def closed(connection: asyncpg.Connection) -> bool:
    return bool(connection.is_closed())


async def eventually(true: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await true():
                return
            await asyncio.sleep(0.01)


async def test_one_after_the_other_share_a_connection_and_many_never_take_more_than_the_pool_has(
    engine: AsyncEngine,
) -> None:
    database = Statements(engine)
    assert await pid(database) == await pid(database)
    found = await asyncio.gather(
        *(database.fetch("SELECT pg_backend_pid() AS pid, pg_sleep(0.05)") for _ in range(6))
    )
    assert len({rows[0]["pid"] for rows in found}) == 2
    assert database.lent == 0


async def test_who_finds_no_place_is_told_so_in_time(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "POOL_SECONDS", 0.05)
    database = Statements(engine)
    async with database.connection(), database.connection():
        assert database.lent == 2
        with pytest.raises(TimeoutError) as refused:
            await database.fetch(WHO)
        assert is_away(refused.value)
    assert await pid(database)
    assert database.lent == 0


async def test_a_connection_that_has_ended_is_replaced(engine: AsyncEngine) -> None:
    database = Statements(engine)
    first = await pid(database)
    async with database.connection() as one, database.connection() as other:
        ended = await one.fetchval(WHO)
        await other.execute("SELECT pg_terminate_backend($1)", ended)
        await eventually(lambda: closed(one))
    assert first == ended
    assert ended not in {await pid(database), await pid(database)}


async def test_a_cancelled_statement_ends_its_connection(engine: AsyncEngine) -> None:
    database = Statements(engine)
    async with database.connection() as watching:
        asked = asyncio.create_task(database.fetch("SELECT pg_backend_pid(), pg_sleep(30)"))
        await eventually(lambda: watching.fetchval(BUSY))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert database.lent == 0
    found = await asyncio.gather(pid(database), pid(database))
    assert len(set(found)) == 2, "both places are usable"


async def test_they_end_with_the_engine(engine: AsyncEngine) -> None:
    await pid(Statements(engine))
    await engine.dispose()
    after = make_engine(engine.url.render_as_string(hide_password=False), pool=1)
    database = Statements(after)
    await eventually(lambda: alone(database))
    await after.dispose()
