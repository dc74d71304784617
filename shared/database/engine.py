"""Engines and sessions whose errors show no parameters."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool

POOL_SECONDS = 5  # the longest wait for a connection
TRANSACTION_SECONDS = 5  # the longest a transaction lasts: PostgreSQL ends it then (`transaction_timeout`)


def make_engine(dsn: str, *, pool: int = 10, application: str = "") -> AsyncEngine:
    """An asyncpg engine for `postgresql+asyncpg://…`; waits at most 5 s for one of `pool` connections.

    No transaction outlasts `TRANSACTION_SECONDS`, a single statement's own included: read marks rely on it
    (DESIGN §4).
    """
    engine = create_async_engine(
        dsn,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
        connect_args={
            "server_settings": {
                "application_name": application,
                "transaction_timeout": f"{TRANSACTION_SECONDS}s",
                "timezone": "UTC",
                "jit": "off",
                # What is read lies in memory or on a disk without arms: a row by an index costs little more than the next one.
                "random_page_cost": "1.1",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_what_has_ended)
    return engine


def sized(engine: AsyncEngine) -> QueuePool:
    """The pool of an engine of ours, which has a size."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool


def _refuse_what_has_ended(connection: Any, _record: object, _lent: object) -> None:
    """The pool then opens another. asyncpg knows when its socket has ended: no round trip has to ask (`pre_ping`: three)."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose entities stay readable after the edge has committed."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)
