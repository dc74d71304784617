"""PostgreSQL refuses to run as root: what we do instead, and that an ordinary user is left alone."""

import os
import shutil
from pathlib import Path

import pytest

from deploy.embedded import unprivileged
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register

ROOT = os.geteuid() == 0


def owners(folder: Path) -> set[int]:
    return {path.stat().st_uid for path in [folder, *folder.rglob("*")]}


def test_the_data_belongs_to_whoever_starts_it_also_in_a_folder_only_they_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed to others, and with spaces"
    closed.mkdir(mode=0o700)
    cluster = Postgres("one", home=closed, register=Register(closed / "p.json"), password="x", durable=False)
    cluster.start()
    try:
        assert cluster.psql("SHOW data_directory").strip() == str(closed / "postgres" / "one")
        assert cluster.psql("SELECT current_setting('log_error_verbosity')").strip() == "terse"
    finally:
        cluster.stop()
    assert owners(closed) == {os.geteuid()}
    assert closed.stat().st_mode & 0o777 == 0o700


def test_where_user_namespaces_are_forbidden_root_gives_the_data_to_nobody_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unprivileged, "namespaces_work", lambda: False)
    monkeypatch.setattr(
        unprivileged, "REACHABLE", reachable := Path("/tmp") / f"peercafe-{tmp_path.name}-{os.getpid()}"
    )
    register = Register(tmp_path / "p.json")
    cluster = Postgres("one", home=tmp_path, register=register, password="x", durable=False)
    if not ROOT:
        assert cluster.way.prefix == ()
        assert cluster.way.uid is None
        return
    try:
        cluster.start()
        where = Path((tmp_path / "postgres" / "one.location").read_text().strip())
        assert where.is_relative_to(reachable)
        assert owners(where) == {unprivileged.UNPRIVILEGED_UID}
        cluster.stop()

        monkeypatch.undo()
        monkeypatch.setattr(unprivileged, "REACHABLE", reachable)
        again = Postgres("one", home=tmp_path, register=register, password="x", durable=False)
        assert again.way.data == where / "one", "once there, the data is found there"
    finally:
        cluster.stop()
        shutil.rmtree(reachable, ignore_errors=True)
