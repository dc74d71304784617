"""Makes a backup of a region while it runs: a consistent dump of each database, by PostgreSQL's own `pg_dump`."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.backups import (
    MANIFEST,
    ORDER,
    Manifest,
    Unusable,
    file_of,
    fingerprint,
    make_key,
    region_file_of,
)
from deploy.embedded.kafka import cluster_in
from deploy.embedded.postgres import SUPERUSER, binaries
from deploy.embedded.sealed_files import CHUNK, Sealing
from shared import clock
from shared.region import load_region

Tell = Callable[[str, int, bool], None]
"""A service, bytes written so far, and whether that is all."""

# Sent on already, or sent again by the read-back: no reason to keep a day's texts once more.
WITHOUT = ("outbox_sent",)


def back_up(data: Path, to: Path, tell: Tell) -> Path:
    """Write a backup and return its folder: a new one in `to`, named after the region and the time.

    It appears under its name when it is whole. Raises FileNotFoundError when no region runs on `data`; Unusable.
    """
    if to.absolute().resolve().is_relative_to(data.absolute().resolve()):
        raise Unusable(
            f"{to} lies in {data}, beside the keys that open it, and is lost with them; name another place."
        )
    if (to / MANIFEST).exists():
        raise Unusable(f"{to} is a backup itself; name the folder it lies in, {to.parent}.")
    engines = Addresses.of_running(data)
    make_key(data)
    made_at, region = clock.now(), load_region(data / REGION_FILE).id
    backup = to / f"{region}-{made_at:%Y-%m-%d-%H%M%S}"
    if backup.exists():
        raise Unusable(f"{backup} exists; name another place.")
    kafka = cluster_in(data) or ""
    manifest = Manifest(secrets.token_hex(16), region, made_at.isoformat(), fingerprint(data), kafka)
    backup.parent.mkdir(parents=True, exist_ok=True)
    draft = backup.with_name(f"{backup.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        sizes = {name: _dump(name, engines, draft, manifest.key_of(name, data), tell) for name in ORDER}
        shutil.copyfile(data / REGION_FILE, region_file_of(draft))
        replace(manifest, sizes=sizes).write(draft, data)
        draft.rename(backup)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return backup


def _dump(name: str, engines: Addresses, draft: Path, key: bytes, tell: Tell) -> int:
    """Bytes of the service's sealed file."""
    path = file_of(draft, name)
    port = urlsplit(engines.postgres[name]).port
    command: list[str | Path] = [
        binaries() / "pg_dump",
        *("--format", "custom", "--no-owner", "--no-privileges"),
        *(f"--exclude-table-data={table}" for table in WITHOUT),
        *("--host", "127.0.0.1", "--port", str(port), "--username", SUPERUSER, "--dbname", name),
    ]
    environment = {**os.environ, "PGPASSWORD": engines.secrets.superuser[name]}
    with (
        tempfile.TemporaryFile() as said,
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said) as dumping,
    ):
        assert dumping.stdout is not None
        try:
            with Sealing(file, key) as sealing:
                while data := dumping.stdout.read(CHUNK):
                    sealing.write(data)
                    tell(name, file.tell(), False)
                if dumping.wait():
                    said.seek(0)
                    last = (said.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
                    raise Unusable(f"The database of {name} could not be read: {last}")
        finally:
            dumping.kill()
        file.flush()
        os.fsync(file.fileno())
    size = path.stat().st_size
    tell(name, size, True)
    return size
