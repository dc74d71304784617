"""Engines as processes: each in a session of its own, known by its pid and the moment it began.

A pid alone says little, since the system gives it away again; pid and start time together name one process. They
are written to a file in the data folder, so that after a `kill -9` the next start finds what was left over and ends
exactly that, and nothing else.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from deploy.embedded.errors import DiskFull, EngineFailed, Interrupted

FULL_DISK = ("No space left on device", "Disk quota exceeded", "File too large")


@dataclass(frozen=True)
class Known:
    """One process that we started."""

    name: str
    pid: int
    started: float  # seconds since the epoch, as the system tells it

    def process(self) -> psutil.Process | None:
        """The process, if it is still the same one."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.05
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class Register:
    """The file that says which engines run; written before anybody waits for them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stopping = threading.Event()  # set: nothing is started any more, and nobody waits for an engine
        self._lock = threading.Lock()

    def read(self) -> list[Known]:
        """What the file says; nothing when there is none, or a crash left half of one."""
        try:
            return [Known(**entry) for entry in json.loads(self.path.read_text())]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def add(self, known: Known) -> None:
        """Remember a process."""
        with self._lock:
            self._write([*(one for one in self.read() if one.name != known.name), known])

    def remove(self, known: Known) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._write([one for one in self.read() if one != known])

    def _write(self, entries: list[Known]) -> None:
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps([asdict(entry) for entry in entries]))
        temporary.replace(self.path)

    def stop_left_overs(self, patience: float = 10) -> list[str]:
        """End the processes of an earlier start that was killed, and only those.

        Returns their names. `patience` in seconds, then SIGKILL.
        """
        left = [(known, process) for known in self.read() if (process := known.process())]
        for known, process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in process.children(recursive=True) if known.name.startswith("kafka") else []:
                    child.terminate()
                process.send_signal(signal.SIGINT if known.name.startswith("postgres") else signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
        _, stubborn = psutil.wait_procs([process for _, process in left], timeout=patience)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=5)
        with self._lock:
            self._write([])
        return [known.name for known, _ in left]


class Engine:
    """One running engine.

    `stop_signal` is what the engine takes as "end cleanly, without waiting for clients".
    """

    def __init__(self, name: str, *, register: Register, log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.log = log
        self.register = register
        self.stop_signal = stop_signal
        self.known: Known | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        uid: int | None = None,
    ) -> None:
        """Start the engine in a session of its own; its output goes to its log, from the beginning.

        Raises Interrupted when the region is being stopped.
        """
        self._go_on()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [os.fspath(part) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
            )
        self.known = Known(self.name, self._process.pid, psutil.Process(self._process.pid).create_time())
        self.register.add(self.known)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def has_port(self, port: int) -> bool:
        """Whether it is this engine that listens on the port, and no other that picked the same at the same moment."""
        if self.known is None:
            return False
        try:
            process = psutil.Process(self.known.pid)
            return any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for one in (process, *process.children())
                for connection in one.net_connections("tcp")
            )
        except psutil.AccessDenied:
            return True  # another user's: it can't be told
        except psutil.NoSuchProcess:
            return False

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait for the engine to answer.

        Raises DiskFull or EngineFailed when it ends before, or doesn't answer in time; Interrupted.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self._go_on()
            if not self.running:
                raise self.failure("ended while starting")
            if time.monotonic() > deadline:
                raise self.failure(f"did not answer within {seconds:.0f} seconds")
            time.sleep(0.03)

    def _go_on(self) -> None:
        if self.register.stopping.is_set():
            raise Interrupted

    def failure(self, what: str) -> EngineFailed | DiskFull:
        """The sentence for an engine that didn't come up, by what stands at the end of its log."""
        tail = tail_of(self.log)
        if any(sign in tail for sign in FULL_DISK):
            return DiskFull(disk_full_sentence(self.log))
        return EngineFailed(f"{self.name} {what}; its log is {self.log}.")

    def stop(self, patience: float = 15) -> None:
        """End the engine, cleanly if it does so within `patience` seconds."""
        process, known = self._process, self.known
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.stop_signal)
                process.send_signal(signal.SIGCONT)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = None
        if known is not None:
            with contextlib.suppress(OSError):
                self.register.remove(known)

    def kill(self) -> None:
        """End the engine as a power cut would (for tests)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def tail_of(log: Path, size: int = 8000) -> str:
    """The last `size` bytes of a log; nothing when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def disk_full_sentence(path: Path) -> str:
    """What we say when there is no room left for the file `path`."""
    return f"The disk is full: there is no room left under {path.parent}; make some and start again."


def has_room(path: Path) -> bool:
    """Whether the disk under `path` has room for PostgreSQL's next log file (16 MiB)."""
    return shutil.disk_usage(path).free > 16 * 1024 * 1024


def is_emptied_by_the_system(path: Path) -> Path | None:
    """The folder above `path` that doesn't outlast a start of the machine, if there is one."""
    folders = [Path(name) for name in ("/tmp", "/var/tmp", "/dev/shm", "/run")]  # noqa: S108
    return next((folder for folder in folders if path.resolve().is_relative_to(folder)), None)
