"""Brings one service's database to the newest revision, or says in one sentence why not."""

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

SERVICES = Path(__file__).parents[2] / "services"


class HalfFinishedMigration(RuntimeError):
    """The database is in a state that no revision of this release explains."""


def _scripts(service: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection, service: str) -> None:
    scripts = _scripts(service)
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('migrations'))"))
    context = MigrationContext.configure(
        connection,
        # What `alembic upgrade head` itself calls; there is no public name for it.
        opts={"fn": lambda revision, _context: scripts._upgrade_revs("head", revision)},  # noqa: SLF001
    )
    current = context.get_current_revision()
    if current is None and connection.scalar(
        text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    ):
        raise HalfFinishedMigration(
            f"The database of {service} has tables but no revision: a migration stopped half-way. "
            "Restore its backup, or remove its data folder to start empty."
        )
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError as error:
        raise HalfFinishedMigration(
            f"The database of {service} is at a revision this release doesn't know. Start the release that made it."
        ) from error


async def migrate(database_url: str, service: str) -> None:
    """Run what is missing in one transaction: all of it or nothing.

    Raises HalfFinishedMigration, whose message is one sentence for the operator.
    """
    engine = create_async_engine(database_url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, service)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "").startswith("42"):
            raise HalfFinishedMigration(
                f"The database of {service} isn't as its revision says: a migration stopped half-way. "
                "Restore its backup, or remove its data folder to start empty."
            ) from error
        raise
    finally:
        await engine.dispose()
