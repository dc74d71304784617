"""What can go wrong at a start: one clear sentence each, an exit status, and no process left."""

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.embedded.postgres import Postgres
from deploy.embedded.supervisor import Supervisor
from shared.database.migrations import migrate
from tests.region.running import NORTH, ARegion, RunningRegion

SMALL_DISK = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"'

pytestmark = pytest.mark.timeout(400)


def fails(region: RunningRegion, *, port: int = 0) -> str:
    """Start, see it fail, return the one sentence."""
    region.spawn(port=port)
    assert region.wait() == 1, region.said
    assert region.processes() == []
    assert "Traceback" not in region.said
    return region.said.strip().splitlines()[-1]


def test_a_busy_port_is_named_before_anything_starts(a_region: ARegion) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        region = a_region()
        assert fails(region, port=port) == (
            f"Port {port} is busy: another program listens there; choose another one with PORT=…"
        )
        assert not region.data.exists()


def test_jars_that_cannot_be_fetched_are_named(a_region: ARegion, tmp_path: Path) -> None:
    nowhere = {"XDG_CACHE_HOME": str(tmp_path), "PEERCAFE_MAVEN_REPOSITORY": "http://127.0.0.1:9/nothing"}
    sentence = fails(a_region(env=nowhere))
    assert sentence.startswith("Kafka's jars can't be fetched: ")
    assert "PEERCAFE_MAVEN_REPOSITORY" in sentence


class AnythingForEveryName(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"not the jar that was asked for")

    def log_message(self, *_args: object) -> None:
        """Quiet."""


def test_jars_with_other_content_are_refused(a_region: ARegion, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), AnythingForEveryName) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{mirror.server_port}"
        sentence = fails(a_region(env={"XDG_CACHE_HOME": str(tmp_path), "PEERCAFE_MAVEN_REPOSITORY": url}))
        mirror.shutdown()
    assert sentence.startswith("Kafka's jars can't be fetched: ")
    assert "its content is not the listed one" in sentence
    assert not list((tmp_path / "peercafe" / "jars").iterdir())


@pytest.mark.parametrize("size", ["12m", "60m", "150m"])
def test_a_full_disk_is_named(a_region: ARegion, size: str) -> None:
    region = a_region()
    region.data.mkdir()
    region._before = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        SMALL_DISK,
        size,
        str(region.data),
    ]
    assert fails(region).startswith("The disk is full: there is no room left under ")


def test_a_half_finished_migration_is_named(a_region: ARegion) -> None:
    region = a_region()
    earlier = Supervisor(region.data)
    earlier.prepare(NORTH)
    passwords = earlier.secrets
    events = Postgres(
        "events", home=earlier.data, register=earlier.register, password=passwords.superuser["events"]
    )
    try:
        events.start()
        database = events.set_up("events", passwords.database["events"])
        asyncio.run(migrate(database.sqlalchemy, "events"))
        events.psql("DROP TABLE alembic_version", database="events")
    finally:
        events.stop()
        earlier.release()
    sentence = fails(region)
    assert sentence.startswith(
        "The database of events has tables but no revision: a migration stopped half-way."
    )
