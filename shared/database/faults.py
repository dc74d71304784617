"""Which errors say that the database can't answer now, rather than that a statement is at fault."""

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
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # which is an argument that can't be encoded
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


def outlasted(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended a transaction that took longer than it may.

    asyncpg raises that the connection was closed, and tells why as that error's cause.
    """
    while error is not None:
        if sqlstate_of(error) == OUTLASTED:
            return True
        error = error.__cause__
    return False
