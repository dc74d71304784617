"""Puts a backup in place of a stopped region's databases: new clusters beside the old ones, then in their place.

Until all new clusters are whole the old ones aren't touched. A restore that ends while they change places is repeated;
until then the region doesn't start.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

from deploy.embedded import notices
from deploy.embedded.addresses import REGION_FILE
from deploy.embedded.backups import (
    ORDER,
    Manifest,
    Unusable,
    file_of,
    fingerprint,
    has_keys,
    put_keys_in_place,
    region_file_of,
)
from deploy.embedded.errors import StartFailure
from deploy.embedded.kafka import cluster_in
from deploy.embedded.postgres import SUPERUSER, Postgres, binaries
from deploy.embedded.sealed_files import Damaged, opened
from deploy.embedded.secrets import folder
from deploy.embedded.supervisor import UNFINISHED_REBUILD, UNFINISHED_RESTORE, Supervisor
from shared.bus.agreement import MARK_RESTORED
from shared.database.migrations import HalfFinishedMigration, migrate
from shared.region import load_region


class Telling(Protocol):
    """Who is told how far a restore has come."""

    def tell(self, service: str, size: int, whole: bool, /) -> None:
        """Bytes of a service's file read so far, and whether its database is whole."""

    def say(self, line: str, /) -> None:
        """One line: a step begins."""


WORKSHOP = "restoring"


def restore(data: Path, backup: Path, keys: Path | None, telling: Telling, *, replacing: bool) -> Manifest:
    """Restore all databases of a region and return what the backup says of itself.

    `replacing`: databases that are there may go. Raises Unusable, and StartFailure where the region runs; a data folder
    that wasn't there is then not there either.
    """
    manifest = Manifest.of(backup)
    is_new = not data.exists()
    try:
        return _restore(data, backup, manifest, keys, telling, replacing=replacing)
    except (Unusable, StartFailure):
        if is_new:
            shutil.rmtree(data, ignore_errors=True)
        raise


def _restore(
    data: Path, backup: Path, manifest: Manifest, keys: Path | None, telling: Telling, *, replacing: bool
) -> Manifest:
    supervisor = Supervisor(data)
    supervisor.take_data_folder()
    try:
        _check_keys(supervisor.data, manifest, keys, backup)
        region_file = supervisor.data / REGION_FILE
        if region_file.exists() and (region := load_region(region_file).id) != manifest.region:
            raise Unusable(f"{backup} is of region {manifest.region}, the data in {data} of {region}.")
        supervisor.prepare(region_file if region_file.exists() else region_file_of(backup))
        unfinished = supervisor.data / UNFINISHED_RESTORE
        if not replacing and not unfinished.exists() and any(supervisor.data.glob("postgres/*")):
            raise Unusable(f"There are databases in {data}; say --replace to put the backup in their place.")
        workshop = supervisor.data / WORKSHOP
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        try:
            fresh = [_cluster(name, workshop, supervisor) for name in ORDER]
            _fill_all(fresh, supervisor, manifest, backup, telling)
            telling.say("All databases are whole; they are put in place.")
            unfinished.touch()
            for cluster in fresh:
                _put_in_place(cluster, _cluster(cluster.name, supervisor.data, supervisor))
            (supervisor.data / UNFINISHED_REBUILD).unlink(missing_ok=True)  # of a database that is gone
            notices.forget(supervisor.data)
            unfinished.unlink()
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    finally:
        supervisor.release()
    return manifest


def has_kafka_of(manifest: Manifest, data: Path) -> bool:
    """Whether the topics that know what happened since the backup are there."""
    return bool(manifest.kafka) and cluster_in(data) == manifest.kafka


def _check_keys(data: Path, manifest: Manifest, keys: Path | None, backup: Path) -> None:
    if has_keys(data):
        _open_with(f"The keys in {data}", data, manifest, backup)
        return
    if keys is None:
        raise Unusable(
            f"{data} has no keys, and without the region's own a backup can't be opened; name their file with --keys."
        )
    put_keys_in_place(data, keys)
    try:
        _open_with(f"The keys in {keys}", data, manifest, backup)
    except Unusable:
        shutil.rmtree(folder(data))
        raise


def _open_with(those: str, data: Path, manifest: Manifest, backup: Path) -> None:
    if fingerprint(data) != manifest.keys:
        raise Unusable(f"{those} aren't those that this backup was made with.")
    manifest.check(backup, data)


def _cluster(name: str, home: Path, supervisor: Supervisor) -> Postgres:
    password = supervisor.secrets.superuser[name]
    return Postgres(name, home=home, register=supervisor.register, password=password)


def _fill_all(
    fresh: list[Postgres], supervisor: Supervisor, manifest: Manifest, backup: Path, telling: Telling
) -> None:
    for cluster in fresh:
        name = cluster.name
        try:
            telling.say(f"{name}: an empty database is made, then filled …")
            cluster.start()
            dsn = cluster.set_up(name, supervisor.secrets.database[name])
            _load(cluster, file_of(backup, name), manifest.key_of(name, supervisor.data), telling)
            try:
                asyncio.run(migrate(dsn.sqlalchemy, name))
            except HalfFinishedMigration as error:
                raise Unusable(str(error)) from error
            cluster.psql(f"{MARK_RESTORED};", database=name)
        finally:
            cluster.stop()
        telling.tell(name, manifest.sizes[name], True)


def _load(cluster: Postgres, path: Path, key: bytes, telling: Telling) -> None:
    command: list[str | Path] = [
        binaries() / "pg_restore",
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--role", cluster.name),
        *(
            "--host",
            "127.0.0.1",
            "--port",
            str(cluster.port),
            "--username",
            SUPERUSER,
            "--dbname",
            cluster.name,
        ),
    ]
    environment = {**os.environ, "PGPASSWORD": cluster.password}
    with (
        tempfile.TemporaryFile() as said,
        path.open("rb") as file,
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=said) as loading,
    ):
        assert loading.stdin is not None
        try:
            for chunk in opened(file, key):
                loading.stdin.write(chunk)
                telling.tell(cluster.name, file.tell(), False)
            loading.stdin.close()
            failed = loading.wait()
        except Damaged as error:
            raise Unusable(f"{path} can't be used: {error}.") from error
        except BrokenPipeError:
            failed = loading.wait()
        finally:
            loading.kill()
        if failed:
            said.seek(0)
            last = (said.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
            raise Unusable(f"The database of {cluster.name} could not be restored: {last}")


def _put_in_place(fresh: Postgres, old: Postgres) -> None:
    shutil.rmtree(old.way.data, ignore_errors=True)
    old.way.data.parent.mkdir(parents=True, exist_ok=True)
    fresh.way.data.rename(old.way.data)
