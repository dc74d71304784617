"""Whoever looks after a region's links goes on looking, whatever it meets."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest
import structlog

from deploy.embedded import links
from deploy.embedded.links import Links
from deploy.embedded.ports import free_port
from deploy.embedded.supervisor import Supervisor
from deploy.federation.neighbours import FILE, Federation, Neighbour
from tests.people import eventually
from tests.region.running import NORTH


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(links, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(links, "CLUSTER_SECONDS", 0.01)
    (tmp_path / "region.toml").write_bytes(NORTH.read_bytes())
    return tmp_path


async def test_a_file_that_is_being_saved_ends_nothing(data: Path) -> None:
    (data / FILE).write_text('{"neighbours": [')
    watcher = Links(Supervisor(data))
    with structlog.testing.capture_logs() as lines:
        watching = [asyncio.ensure_future(one) for one in (watcher.watch(), watcher.watch_clusters())]
        await told_of(lines, "links aren't as they should be", times=3)
        assert not any(task.done() for task in watching)
        Federation((Neighbour("south", f"127.0.0.1:{free_port()}", "secret"),)).write(data)
        await told_of(lines, "links aren't as they should be", times=len(lines) + 2)  # no engine runs
        assert not any(task.done() for task in watching)
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
    assert all("secret" not in str(line) for line in lines)


def test_who_waits_for_a_neighbour_looks_often_at_first_and_seldom_in_the_end() -> None:
    seconds = list(islice(links.looks(), 500))
    assert seconds[:10] == [0.5] * 10
    assert seconds == sorted(seconds)
    assert sum(seconds[:30]) == 35.0
    assert seconds[50:] == [links.CLUSTER_SECONDS] * 450


async def told_of(lines: list[structlog.typing.EventDict], event: str, *, times: int) -> None:
    async def count() -> int:
        return sum(line["event"] == event for line in lines)

    await eventually(count, lambda found: found >= times)
