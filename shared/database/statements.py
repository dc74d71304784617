"""Single statements on the driver's own connection: each commits by itself, without the round trips of BEGIN and COMMIT."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

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
    """Connections of an engine's pool for work that is one statement.

    What goes wrong raises asyncpg's own errors, which the edge answers as it does SQLAlchemy's (`faults`).
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection on which every statement is a transaction of its own, ended when its rows are here."""
        lent = await self._engine.raw_connection()
        driver: Any = lent.driver_connection
        try:
            yield driver
        except BaseException as error:
            if not isinstance(
                error, Exception
            ):  # cancelled in the middle: nobody knows what it still waits for
                driver.terminate()
            raise
        finally:
            lent.close()

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one statement ($1, $2, …)."""
        async with self.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return rows


async def driver_of(session: AsyncSession) -> asyncpg.Connection:
    """The driver connection of `session`: sees what the session has written, once it has written something.

    Begins no transaction by itself.
    """
    connection = await (await session.connection()).get_raw_connection()
    return connection.driver_connection
