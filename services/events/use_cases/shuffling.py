"""Once a day: rows forget the order in which they came.

Until then a copy of this database tells the order of the day's writes; a day is the finest time kept here anyway.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.shuffling import shuffle

# In the order in which writers lock them: whoever answers or checks in is admitted first.
TABLES = ("guests", "answers", "check_ins")


async def forget_the_order(session: AsyncSession) -> None:
    """Write who came, answered and checked in anew, in random order and in one transaction."""
    await shuffle(session, *TABLES)
