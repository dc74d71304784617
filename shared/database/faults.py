"""Which errors say that the database can't answer now, rather than that a statement, or what it is given, is at fault."""

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

Adapted = AsyncAdapt_asyncpg_dbapi  # what SQLAlchemy's pool raises where it hands out the driver's connection itself

# SQLSTATE: 08 connection, 53 resources, 57 operator intervention, transaction timeout, 40 rollback.
OUTLASTED = "25P04"  # `TRANSACTION_SECONDS`
PASSING = ("08", "53", "57", OUTLASTED, "40")

# Whatever a statement may raise, said or not said by SQLAlchemy; `is_away` tells which of them pass.
ERRORS: tuple[type[Exception], ...] = (
    DBAPIError,
    PoolTimeout,
    Adapted.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def is_away(error: BaseException) -> bool:
    """Whether another attempt may do: the connection, the engine or its load is at fault, not the statement.

    Knows what SQLAlchemy raises and what asyncpg raises where a statement goes to the driver itself.
    """
    if isinstance(error, asyncpg.InternalClientError):
        return True  # a session that ended just before a statement
    if is_unsayable(error):
        return False
    if isinstance(error, asyncpg.InterfaceError):
        return True
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | ConnectionError | TimeoutError):
        return True
    if isinstance(error, Adapted.InterfaceError):
        return True
    if isinstance(error, DBAPIError | Adapted.Error | asyncpg.PostgresError):
        state = sqlstate_of(error)
        return state is not None and state.startswith(PASSING)
    return False


def sqlstate_of(error: BaseException) -> str | None:
    """What PostgreSQL says; None where it wasn't PostgreSQL that raised."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state if isinstance(state, str) else None


def is_unsayable(error: BaseException) -> bool:
    """Whether an argument has no form in which PostgreSQL could be told: asyncpg raises that itself, without SQLSTATE."""
    said = getattr(error, "orig", error)
    cause = said.__cause__ if isinstance(said, Adapted.Error) else said
    # asyncpg's own DataError, whose name that of class 22 hides.
    return (
        isinstance(cause, asyncpg.InterfaceError)
        and isinstance(cause, ValueError)
        and not isinstance(cause, asyncpg.ClientConfigurationError)
    )
