"""Takes away what PostgreSQL itself notes of rows: in which order, and in whose transaction, they were written.

The order of rows in a table and their `xmin` repeat the order in which people first did something; a row that shares
its transaction with one that bears a date is dated by it.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def shuffle(session: AsyncSession, *tables: str) -> None:
    """Write all rows of these tables anew, in random order, in the caller's transaction.

    Writers wait until it ends: lock in the order in which they do. `tables` are names of ours, never input. Nothing
    may refer to the tables: their rows are gone for a moment.
    """
    names = ", ".join(tables)
    await session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    for table in tables:
        # All rows are deleted before the first is inserted again: the sort reads to the end.
        await session.execute(
            text(
                f"WITH gone AS (DELETE FROM {table} RETURNING *)"  # noqa: S608
                f" INSERT INTO {table} SELECT * FROM gone ORDER BY random()"
            )
        )
