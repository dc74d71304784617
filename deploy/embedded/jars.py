"""Kafka's jars: every one by its Maven coordinates and sha256, fetched once and kept in the user's cache.

The list is explicit, because jgo's own resolver picks other versions than Maven does, with which Kafka doesn't start.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import DiskFull, JarsNotFetched
from deploy.embedded.processes import disk_full_sentence

LIST = Path(__file__).with_name("jars.txt")
ATTEMPTS = 3
NO_ROOM = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG


@dataclass(frozen=True)
class Jar:
    """One artifact: `group:artifact:version` and what its bytes must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def is_whole(self, path: Path) -> bool:
        """Whether the file is there and has exactly the listed content."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def listed() -> list[Jar]:
    """The jars of `jars.txt`."""
    jars = []
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, digest = line.split(" sha256:")
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, digest))
    return jars


def cache() -> Path:
    """Where jars are kept for all regions of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "peercafe" / "jars"


def fetch(advance: Callable[[int, int], None] = lambda _done, _all: None) -> list[Path]:
    """Make sure that every jar is in the cache, unchanged; returns their paths.

    `advance` is told after each jar how many are there, of how many; what it raises ends the fetching.
    Raises JarsNotFetched or DiskFull.
    """
    jars = listed()
    folder = cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pool = ThreadPoolExecutor(8)
        try:
            there = list(pool.map(lambda jar: jar.is_whole(folder / jar.filename), jars))
            missing = [jar for jar, whole in zip(jars, there, strict=True) if not whole]
            advance(len(jars) - len(missing), len(jars))
            for number, _ in enumerate(pool.map(lambda jar: _fetch_one(jar, folder), missing), 1):
                advance(len(jars) - len(missing) + number, len(jars))
        finally:
            pool.shutdown(cancel_futures=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(disk_full_sentence(folder)) from error
        raise JarsNotFetched(f"Kafka's jars can't be kept in {folder}: {error.strerror or error}.") from error
    return [folder / jar.filename for jar in jars]


def _fetch_one(jar: Jar, folder: Path) -> None:
    # Imported here: a warm start needs none of it.
    import requests
    from jgo.maven import MavenContext

    from deploy.embedded.maven import repository

    source = repository()
    reason = ""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
            context = MavenContext(
                repo_cache=Path(scratch), local_repos=[], remote_repos={"repository": source}, timeout=30
            )
            try:
                path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
            except (requests.RequestException, RuntimeError) as error:
                reason = type(error).__name__
                continue
            if jar.is_whole(path):
                shutil.move(path, folder / jar.filename)
                return
            reason = "its content is not the listed one"
    raise JarsNotFetched(
        f"Kafka's jars can't be fetched: {jar.group}:{jar.artifact}:{jar.version} did not arrive ({reason}); "
        "check the network, the proxy settings or PEERCAFE_MAVEN_REPOSITORY, and start again."
    )
