"""Starts, stops and starts again."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.region.running import ROOT, RunningRegion, regions

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def own_region() -> Iterator[RunningRegion]:
    """One that tests stop and kill; each leaves it running."""
    with regions() as make:
        yield make().start()


def test_a_stopped_region_finds_its_data_again_and_leaves_nothing_running(own_region: RunningRegion) -> None:
    region = own_region
    first, invitation = region.engines, region.invitation
    assert httpx.get(f"{region.url}/api/identity/jwks.json").status_code == 200
    assert region.stop() == 0
    assert region.processes() == []
    assert not (region.data / "engines.json").exists()

    region.start()
    assert region.invitation != invitation, "the first consultant's invitation is made anew at each start"
    assert httpx.post(f"{region.url}/api/identity/invitations/look", json={"invitation": invitation}).is_error
    assert set(region.engines["postgres"]) == set(first["postgres"])
    assert region.engines["kafka"] == first["kafka"], "MirrorMaker goes by what it knows of it"


def test_a_start_after_kill_9_ends_the_left_overs_and_only_those(own_region: RunningRegion) -> None:
    region = own_region
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        left = {name: region.engine(name).pid for name in region.left_running()}
        assert len(left) == 7
        region.kill()
        assert set(region.left_running()) == set(left), "engines outlive the process that started them"

        region.start()
        assert "Ended what an earlier start left over" in region.said
        assert not any(psutil.pid_exists(pid) for pid in left.values())
        assert stranger.poll() is None
        assert httpx.get(f"{region.url}/api/identity/jwks.json").status_code == 200
    finally:
        stranger.kill()
        stranger.wait()


def test_an_engine_that_ends_by_itself_is_started_again_on_its_port(region: RunningRegion) -> None:
    engine, before = region.engine("redis"), region.engines
    engine.kill()
    deadline = time.monotonic() + 30
    while region.pid_of("redis") in (None, engine.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert region.engines == before


def test_a_second_start_on_the_same_data_is_refused(region: RunningRegion) -> None:
    second = RunningRegion(region.data, harness=region._harness)
    second.output_file = region.data.with_suffix(".second")
    second.spawn(port=0)
    assert second.wait() == 1
    assert "already running" in second.said
    assert len(second.said.strip().splitlines()) == 1
    assert len(region.left_running()) == 7, "the running region was left alone"


def test_engines_prints_what_runs_as_json(region: RunningRegion) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "deploy.command.main", "engines", "--data", region.data],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(printed.stdout)
    [warning] = printed.stderr.strip().splitlines()
    assert "passwords" in warning
    assert set(found) == {"postgres", "redis", "kafka", "gateway", "operators"}
    assert set(found["postgres"]) == {"identity", "forum", "events", "notifications", "analytics"}
    assert all(dsn.startswith("postgresql://") for dsn in found["postgres"].values())


def test_engines_says_so_when_nothing_runs(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "deploy.command.main", "engines", "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert "No region is running" in asked.stderr
