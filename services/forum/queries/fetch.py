"""One statement on the session's own driver connection: what Core adds to each row costs half a thread page."""

from typing import Any

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncSession


async def fetch(session: AsyncSession, sql: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows of `sql` ($1, $2, …). Sees what the session has written; begins no transaction of its own.

    Raises asyncpg's own errors, which the edge answers as it does SQLAlchemy's (`shared.database.faults`).
    """
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    rows: list[asyncpg.Record] = await driver.fetch(sql, *arguments)
    return rows


def to_json(content: object) -> bytes:
    """JSON bytes; asyncpg's UUIDs and our times included."""
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS)


def page(items: list[dict[str, Any]], limit: int) -> dict[str, object]:
    """As `shared.api.pages.page_of`, but of rows that are serialised as they are: models would cost too much here."""
    shown = items[:limit]
    return {"items": shown, "next": shown[-1]["id"] if len(items) > limit else None}
