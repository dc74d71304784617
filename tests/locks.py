"""Waiting until somebody else waits, instead of for a while."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NO_LIMIT = text("SET LOCAL transaction_timeout = 0")
WAITED_FOR = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
)
PATIENCE = 30  # seconds


async def waited_for(holding: AsyncSession) -> None:
    """Return once another transaction waits for what this one has locked. Raises TimeoutError when none does."""
    await holding.execute(NO_LIMIT)
    async with asyncio.timeout(PATIENCE):
        while not await holding.scalar(WAITED_FOR):  # noqa: ASYNC110  PostgreSQL tells nobody
            await asyncio.sleep(0.01)
