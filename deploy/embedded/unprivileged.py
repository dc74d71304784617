"""How PostgreSQL is started when we are root, as which it refuses to run, or a user whom the system has no name for.

First choice: a user namespace in which we are seen as an ordinary user; no file changes its owner, and it works in a folder
that only root may enter. Where user namespaces are forbidden: an unprivileged uid, with copies of the binaries and its
data under a folder that uid can reach. No parent folder's permissions are ever changed.
"""

import functools
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import EngineFailed

ORDINARY_UIDS = (1000, 65534)  # tried first: somebody whom most systems know
UNPRIVILEGED_UID = 65534  # "nobody": exists everywhere, owns nothing
REACHABLE = Path("/var/lib/peercafe")  # only in the fallback


@dataclass(frozen=True)
class Way:
    """How to run the PostgreSQL programs: what to put before them, as whom, from where, with data where."""

    prefix: tuple[str, ...]
    uid: int | None
    binaries: Path
    data: Path

    def run(self, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Run one program to its end and return its output.

        Raises EngineFailed with the output's last line.
        """
        done = subprocess.run(
            [*self.prefix, *(os.fspath(part) for part in command)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        if done.returncode:
            raise EngineFailed(output.strip() or f"{command[0]} ended with status {done.returncode}.")
        return output


def namespace() -> tuple[str, ...]:
    """What to put before a command so that it sees us as an ordinary user; initdb wants one with a name."""
    known = {entry.pw_uid for entry in pwd.getpwall()} - {0}
    uid = next((uid for uid in (*ORDINARY_UIDS, *sorted(known)) if uid in known), ORDINARY_UIDS[0])
    return ("unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", "--")


@functools.cache
def namespaces_work() -> bool:
    """Whether this machine lets us make a user namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*namespace(), "true"], capture_output=True, check=False).returncode == 0


def has_a_name() -> bool:
    """Whether the system knows the user that we are."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def way_to_run(binaries: Path, data: Path) -> Way:
    """How to run the programs in `binaries` on `data` as the user that we are."""
    if os.geteuid() != 0 and has_a_name():
        return Way((), None, binaries, data)
    if os.geteuid() == 0 and _elsewhere(data).exists():
        return _as_nobody(binaries, data)  # the data stays where an earlier start had to put it
    if namespaces_work():
        return Way(namespace(), None, binaries, data)
    if os.geteuid() != 0:
        raise EngineFailed(
            f"PostgreSQL does not start for user {os.geteuid()}, whom this system has no name for; "
            "start Peercafe as a user with an entry in /etc/passwd."
        )
    return _as_nobody(binaries, data)


def _elsewhere(data: Path) -> Path:
    """The file in the data folder that names where the data is instead."""
    return data.with_name(f"{data.name}.location")


def _as_nobody(binaries: Path, data: Path) -> Way:
    package = binaries.parent.parent
    home = REACHABLE / hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:12]
    try:
        home.mkdir(parents=True, exist_ok=True)
        copies = REACHABLE / f"postgresql-{hashlib.sha256(os.fsencode(binaries)).hexdigest()[:12]}"
        if not copies.exists():
            fresh = copies.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            for folder in (package / binaries.parent.name, package.with_name(f"{package.name}.libs")):
                shutil.copytree(folder, fresh / folder.relative_to(package.parent))
            fresh.rename(copies)
        os.chown(home, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
        home.chmod(0o700)
    except OSError as error:
        raise EngineFailed(
            "PostgreSQL does not run as root and this machine forbids user namespaces; "
            f"start Peercafe as an ordinary user ({error.strerror or error})."
        ) from error
    data.parent.mkdir(parents=True, exist_ok=True)
    _elsewhere(data).write_text(f"{home}\n")
    return Way((), UNPRIVILEGED_UID, copies / binaries.relative_to(package.parent), home / data.name)
