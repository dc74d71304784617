"""Single statements on the driver's own connection: each commits by itself, without the round trips of BEGIN and COMMIT."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.database.engine import POOL_SECONDS, sized

PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")  # not a cast's `::`


class Fetches(Protocol):
    """Whatever runs a statement: `Statements`, or a driver connection within somebody's transaction."""

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one statement ($1, $2, …)."""


class Named:
    """A statement with `:names`, of which asyncpg knows only the numbers."""

    def __init__(self, sql: str) -> None:
        self._names = list(dict.fromkeys(PARAMETER.findall(sql)))
        numbers = {name: f"${number}" for number, name in enumerate(self._names, start=1)}
        self.sql = PARAMETER.sub(lambda found: numbers[found[1]], sql)

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of their numbers. Raises KeyError for one that is missing."""
        return [values[name] for name in self._names]


class Statements:
    """Connections for work that is one statement, as many as the engine's pool has; opened by it, then kept here.

    Each statement is planned once for all values of its arguments, so what was looked at with EXPLAIN is what runs.

    The pool's own way to a connection and back costs more than a statement's arguments and rows do. What goes wrong
    raises asyncpg's own errors, which the edge answers as it does SQLAlchemy's (`faults`). They end with the engine.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.most = sized(engine).size()
        self.lent = 0
        self._places = asyncio.Semaphore(self.most)
        self._idle: list[asyncpg.Connection] = []
        event.listen(engine.sync_engine, "engine_disposed", self._end)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection on which every statement is a transaction of its own, ended when its rows are here."""
        driver = await self._take()
        try:
            yield driver
        except BaseException as error:
            if not isinstance(
                error, Exception
            ):  # cancelled in the middle: nobody knows what it still waits for
                driver.terminate()
            raise
        finally:
            self._give_back(driver)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one statement ($1, $2, …)."""
        driver = await self._take()
        try:
            rows: list[asyncpg.Record] = await driver.fetch(sql, *arguments)
            return rows
        except asyncio.CancelledError:
            driver.terminate()
            raise
        finally:
            self._give_back(driver)

    async def _take(self) -> asyncpg.Connection:
        if self._places.locked():
            async with asyncio.timeout(POOL_SECONDS):
                await self._places.acquire()
        else:
            await self._places.acquire()
        self.lent += 1
        try:
            while self._idle:
                if not (driver := self._idle.pop()).is_closed():
                    return driver
            return await self._open()
        except BaseException:
            self._free()
            raise

    async def _open(self) -> asyncpg.Connection:
        opened = await self._engine.raw_connection()
        driver: Any = opened.driver_connection
        opened.detach()  # the pool has its place back
        # By its own reckoning PostgreSQL would plan a list anew for each reader, since it can't know how short a page is.
        try:
            await driver.execute("SET plan_cache_mode = force_generic_plan")
        except BaseException:
            driver.terminate()
            raise
        return driver

    def _give_back(self, driver: asyncpg.Connection) -> None:
        if not driver.is_closed():
            self._idle.append(driver)
        self._free()

    def _free(self) -> None:
        self.lent -= 1
        self._places.release()

    def _end(self, _engine: object) -> None:
        while self._idle:
            self._idle.pop().terminate()


async def driver_of(session: AsyncSession) -> asyncpg.Connection:
    """The driver connection of `session`: sees what the session has written, once it has written something.

    Begins no transaction by itself.
    """
    connection = await (await session.connection()).get_raw_connection()
    return connection.driver_connection
