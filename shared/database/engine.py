"""Engines and sessions whose errors show no parameters."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

TRANSACTION_SECONDS = 5  # the longest a transaction lasts: PostgreSQL ends it then (`transaction_timeout`)


def make_engine(dsn: str, *, pool: int = 10, application: str = "") -> AsyncEngine:
    """An asyncpg engine for `postgresql+asyncpg://…`; waits at most 5 s for one of `pool` connections.

    No transaction outlasts `TRANSACTION_SECONDS`: read marks rely on it (DESIGN §4).
    """
    return create_async_engine(
        dsn,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "server_settings": {
                "application_name": application,
                "transaction_timeout": f"{TRANSACTION_SECONDS}s",
                "timezone": "UTC",
                "jit": "off",
            },
        },
    )


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose entities stay readable after the edge has committed."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)
