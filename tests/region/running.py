"""A whole region as people run it: `peercafe serve all` in a process of its own, on engines of its own.

    def test_something(region: RunningRegion) -> None:      # one region for the whole test session
        httpx.get(region.url); region.engines["postgres"]["forum"]; region.data; region.invitation

Tests that stop, kill or break a region take `a_region` (a factory) and have one for themselves.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from deploy.embedded import guard
from deploy.embedded.processes import Known, Register

ROOT = Path(__file__).parents[2]
NORTH = ROOT / "deploy" / "regions" / "north.toml"
MARK = "PEERCAFE_TEST_REGION"
START_SECONDS = 200
STOP_SECONDS = 90


class RunningRegion:
    """One region under `data`; `start` it, `stop` it, `kill` it, start it again."""

    def __init__(
        self,
        data: Path,
        *,
        harness: Register,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        region_file: Path = NORTH,
    ) -> None:
        self.data = data
        self.output_file = data.with_suffix(".output")
        self._harness = harness
        self._env = dict(env or {})
        self._before = list(before)
        self._region_file = region_file
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.invitation: str | None = None

    def spawn(self, *, port: int | None = None) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        with self.output_file.open("ab") as output:
            output.seek(0, os.SEEK_END)
            self._said = output.tell()
            self._process = subprocess.Popen(
                [
                    *self._before,
                    *(sys.executable, "-m", "deploy.command.main", "serve", "all"),
                    *("--port", str(self._port if port is None else port), "--data", str(self.data)),
                    *("--region-file", str(self._region_file)),
                ],
                cwd=ROOT,
                env={**os.environ, **self._env, MARK: str(self.output_file)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pid = self._process.pid
        self._harness.add(Known(f"region-{pid}", pid, psutil.Process(pid).create_time()))
        return self._process

    def start(self) -> "RunningRegion":
        """Start and wait until the region says that it is open."""
        process = self.spawn()
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops everything" not in self.said:
            assert process.poll() is None, f"the region ended while starting:\n{self.said}\n{self.log}"
            assert time.monotonic() < deadline, f"the region did not start:\n{self.said}\n{self.log}"
            time.sleep(0.05)
        self._port = int(self.url.rpartition(":")[2])
        found = re.search(r"invitation (\S+)", self.said)
        self.invitation = found[1] if found else None
        return self

    @property
    def said(self) -> str:
        """What the last start printed."""
        with self.output_file.open("rb") as file:
            file.seek(self._said)
            return file.read().decode()

    @property
    def log(self) -> str:
        """The end of the region's own log."""
        path = self.data / "logs" / "peercafe.log"
        return path.read_text()[-4000:] if path.exists() else ""

    @property
    def engines(self) -> dict[str, Any]:
        """What `peercafe engines` prints."""
        found: dict[str, Any] = json.loads((self.data / "engines.json").read_text())
        return found

    @property
    def url(self) -> str:
        """The gateway."""
        return str(self.engines["gateway"])

    @property
    def pid(self) -> int:
        """Of the process that runs all services."""
        assert self._process is not None
        return self._process.pid

    def engine(self, name: str) -> psutil.Process:
        """An engine's process: kafka, redis, postgres-forum, …"""
        pid = self.pid_of(name)
        assert pid is not None, f"{name} does not run"
        return psutil.Process(pid)

    def pid_of(self, name: str) -> int | None:
        """Of an engine, or None while it doesn't run."""
        running = [one.process() for one in self._register.read() if one.name == name]
        return next((process.pid for process in running if process is not None), None)

    def left_running(self) -> list[str]:
        """Names of this region's engines that still run."""
        return [known.name for known in self._register.read() if known.process()]

    def processes(self) -> list[psutil.Process]:
        """Every process that descends from this region's starts, however it was reparented."""
        found = []
        for process in psutil.process_iter():
            try:
                mark = process.environ().get(MARK)
                if mark == str(self.output_file) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end; returns the exit status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> int:
        """As Ctrl-C does; returns the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait()

    def end(self) -> None:
        """Stop it unless it has ended, or was never started."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def kill(self) -> None:
        """`kill -9` of the process that runs all services; engines are left over."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_everything(self) -> None:
        """`kill -9` of every process of the region, engines and their children too."""
        processes = [process for known in self._register.read() if (process := known.process())]
        processes += [child for process in processes for child in process.children(recursive=True)]
        self.kill()
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=10)

    @property
    def _register(self) -> Register:
        return Register(self.data / "processes.json")


def peercafe(region: RunningRegion, *words: str, status: int = 0) -> str:
    """What the command prints, on either stream."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.command.main", *words, "--data", str(region.data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return (done.stdout + done.stderr).strip()


ARegion = Callable[..., RunningRegion]


@contextmanager
def regions() -> Iterator[ARegion]:
    """A factory of regions, not yet started; all are ended with the block, or when the test run dies."""
    home = Path(tempfile.mkdtemp(prefix="peercafe-regions-"))
    harness = Register(home / "harness.json")
    datas = [home / f"data {number}" for number in range(1, 40)]
    watching = guard.watch(home, harness, *(Register(data / "processes.json") for data in datas))
    made: list[RunningRegion] = []

    def make(*, env: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> RunningRegion:
        region = RunningRegion(datas[len(made)], harness=harness, env=env, before=before)
        made.append(region)
        return region

    try:
        yield make
    finally:
        for region in made:
            region.end()
        assert watching.stdin is not None
        watching.stdin.close()
        watching.wait(60)
