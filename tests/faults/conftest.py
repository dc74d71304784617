"""Engines of its own for each run of these tests, which stop, kill and starve them."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis
from tests.bus.conftest import service  # noqa: F401 - a fixture
from tests.engines import Embedded, Engines

E = TypeVar("E", Kafka, Postgres, Redis)


class Breakable(Engines):
    """Engines that a test may break: always embedded, because a container can't be killed and kept."""

    def __init__(self, backend: Embedded) -> None:
        super().__init__(backend)
        self._embedded = backend
        self._redis_users = set[str]()

    def one(self, kind: type[E]) -> E:
        """The running engine of that kind."""
        found: E = next(engine for engine in self._embedded.started if isinstance(engine, kind))
        return found

    async def stop(self, kind: type[E]) -> None:
        """A clean stop; data stays, except Redis's."""
        await asyncio.to_thread(self.one(kind).stop)

    async def kill(self, kind: type[E]) -> None:
        """`kill -9`."""
        await asyncio.to_thread(self.one(kind).engine.kill)

    async def start(self, kind: type[E]) -> None:
        """Start it again, on the same port and data."""
        await asyncio.to_thread(self.one(kind).start)

    def redis_url(self, service: str | None = None) -> str:  # noqa: F811 - the fixture is another
        """As everywhere; the users are known again after Redis has been away."""
        if service is not None:
            self._redis_users.add(service)
        return super().redis_url(service)

    @contextmanager
    def without_redis(self, how: str) -> Iterator[None]:
        """Redis "hangs", or "is gone" with all it held and everybody is refused."""
        if how == "hangs":
            with self.hanging(Redis):
                yield
            return
        redis = self.one(Redis)
        redis.engine.kill()
        try:
            yield
        finally:
            redis.start()
            for service in self._redis_users:
                super().redis_url(service)

    @contextmanager
    def hanging(self, kind: type[E]) -> Iterator[None]:
        """It takes connections and answers nothing."""
        process: Any = self.one(kind).engine._process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="package")
def engines() -> Iterator[Breakable]:
    """In place of the engines that other tests share; ended with this folder's tests, since idle ones cost time."""
    backend = Embedded()
    try:
        yield Breakable(backend)
    finally:
        backend.close()
