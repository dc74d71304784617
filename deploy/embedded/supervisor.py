"""Starts a region's engines, watches over them, ends them in the right order.

What was left over after a `kill -9` is found by pid and start time and ended first. A second start on the same data
while one runs is refused.
"""

import asyncio
import fcntl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import structlog

from deploy.embedded import jars
from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.errors import DiskFull, Interrupted, StartFailure
from deploy.embedded.kafka import Kafka
from deploy.embedded.mirror_maker import MirrorMaker
from deploy.embedded.postgres import Dsn, Postgres
from deploy.embedded.processes import Register, disk_full_sentence
from deploy.embedded.redis import Redis
from deploy.embedded.secrets import SERVICES, Secrets, of_region
from deploy.federation.neighbours import Federation
from shared.due import back_off
from shared.region import load_region

Tell = Callable[[str], None]
_logger = structlog.get_logger()

LOOK_SECONDS = 0.5
LONGEST_BACK_OFF = 30.0
UNFINISHED_RESTORE = "restore-unfinished"  # old and new databases may be mixed
UNFINISHED_REBUILD = "rebuild-unfinished"  # the forum's rows may be of before
NO_ROOM = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG


class AlreadyRunning(StartFailure):
    """Somebody runs this region already."""


class Supervisor:
    """The engines of one region, with their data under `data`."""

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()
        self.register = Register(self.data / "processes.json")
        self.postgres: dict[str, Postgres] = {}
        self.redis: Redis | None = None
        self.kafka: Kafka | None = None
        self.mirror: MirrorMaker | None = None
        self._lock: IO[str] | None = None
        self._changing = threading.Lock()  # an engine is being started again, or all are being stopped

    def prepare(self, region_file: Path) -> list[str]:
        """Take the data folder for ourselves and end what a killed start left over; returns the names of those.

        Raises AlreadyRunning, DiskFull, or StartFailure for data of another region.
        """
        self.take_data_folder()
        try:
            self._belong_to(region_file)
            left = self.register.stop_left_overs()
            self.secrets: Secrets = of_region(self.data)
        except OSError as error:
            raise _about(error, self.data) from error
        return left

    def take_data_folder(self) -> None:
        """Nobody else may use it until `release`. Raises AlreadyRunning or DiskFull."""
        if self._lock is not None:
            return
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.data / "lock").open("a")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(
                f"This region is already running on {self.data}; stop that one first."
            ) from None
        except OSError as error:
            raise _about(error, self.data) from error
        self._lock = lock

    def _belong_to(self, region_file: Path) -> None:
        kept = self.data / REGION_FILE
        wanted = load_region(region_file).id
        if kept.exists() and load_region(kept).id != wanted:
            raise StartFailure(f"The data in {self.data} is of region {load_region(kept).id}, not {wanted}.")
        temporary = kept.with_suffix(".new")
        temporary.write_bytes(region_file.read_bytes())
        temporary.replace(kept)

    def start(self, tell: Tell, fetched: Callable[[int, int], None]) -> None:
        """Fetch the jars if needed and start everything, engines beside each other.

        `tell` gets a line for each engine that answers, `fetched` how many jars are there.
        Raises StartFailure; what had started is then left for `stop`.
        """
        if (self.data / UNFINISHED_RESTORE).exists():
            raise StartFailure(f"A restore of {self.data} wasn't finished; run `peercafe restore` once more.")
        if (self.data / UNFINISHED_REBUILD).exists():
            raise StartFailure(
                f"A rebuild of the forum in {self.data} wasn't finished; run `peercafe federation rebuild` once more."
            )
        self.postgres = {
            name: Postgres(
                name, home=self.data, register=self.register, password=self.secrets.superuser[name]
            )
            for name in SERVICES
        }
        redis = self.redis = Redis(
            home=self.data,
            register=self.register,
            users=self.secrets.redis,
            password=self.secrets.redis_administrator,
        )
        doorway = Federation.of(self.data).doorway
        kafka = self.kafka = Kafka(home=self.data, register=self.register, jars=[], doorway=doorway)

        def fetched_one(done: int, of: int) -> None:
            if self.register.stopping.is_set():
                raise Interrupted
            fetched(done, of)

        def start_kafka() -> None:
            kafka.jars = jars.fetch(fetched_one)
            kafka.start()
            tell("Kafka")

        def start_redis() -> None:
            redis.start()
            tell("Redis")

        def start_postgres(name: str) -> None:
            self.postgres[name].start()
            self.postgres[name].set_up(name, self.secrets.database[name])
            tell(f"PostgreSQL for {name}")

        try:
            with ThreadPoolExecutor(4) as pool:
                begun = [pool.submit(start_kafka), pool.submit(start_redis)]
                begun += [pool.submit(start_postgres, name) for name in SERVICES]
            for future in begun:
                future.result()
        except OSError as error:
            raise _about(error, self.data) from error

    def running(self) -> tuple[Redis, Kafka]:
        """Redis and Kafka, once started."""
        assert self.redis is not None
        assert self.kafka is not None
        return self.redis, self.kafka

    def unlink(self) -> None:
        """Stop MirrorMaker, until `link` is called again."""
        with self._changing:
            if self.mirror is not None:
                self.mirror.stop()
                self.mirror.neighbours = ()

    @property
    def linked_for_good(self) -> bool:
        """Whether MirrorMaker needn't be watched closely."""
        return self.mirror is None or self.mirror.settled

    def link(self) -> bool:
        """Have MirrorMaker pull from exactly the neighbours whose links are to run, now; harmless when repeated.

        Their topics have to be there. Returns whether it had ended by itself.
        """
        linked = Federation.of(self.data).linked
        with self._changing:
            mirror = self.mirror
            if mirror is not None and mirror.neighbours == linked and mirror.running == bool(linked):
                return False
            if mirror is None:
                _, kafka = self.running()
                mirror = self.mirror = MirrorMaker(
                    home=self.data,
                    register=self.register,
                    jars=kafka.jars,
                    region=load_region(self.data / REGION_FILE).id,
                    bootstrap=kafka.bootstrap,
                    neighbours=(),
                )
            ended = bool(mirror.neighbours) and not mirror.running
            mirror.stop()
            mirror.neighbours = linked
            if linked:
                mirror.start()
            return ended

    def dsn(self, service: str) -> Dsn:
        """The service's own database."""
        return Dsn(service, self.secrets.database[service], self.postgres[service].port, service)

    def addresses(self, *, gateway: str = "", operators: str = "") -> Addresses:
        """Where everything is, once started."""
        redis, kafka = self.running()
        postgres = {name: self.dsn(name).plain for name in SERVICES}
        return Addresses(self.data, postgres, redis.url(), kafka.bootstrap, gateway, operators)

    async def watch(self) -> None:
        """Start again, on its old port, whatever engine ended by itself; until cancelled or the region stops."""
        engines: list[Postgres | Redis | Kafka] = [*self.postgres.values(), *self.running()]
        failures = 0
        while True:
            await asyncio.sleep(back_off(LOOK_SECONDS, failures, LONGEST_BACK_OFF))
            for one in engines:
                if one.engine.running:
                    continue
                _logger.warning("engine_ended_and_is_started_again", service=one.engine.name)
                try:
                    await asyncio.to_thread(self._start_again, one)
                    failures = 0
                except Interrupted:
                    return
                except Exception:
                    failures += 1
                    _logger.exception("engine_does_not_start", service=one.engine.name)

    def _start_again(self, one: Postgres | Redis | Kafka) -> None:
        with self._changing:
            one.start()

    def interrupt(self) -> None:
        """Let a start that is under way end soon, with Interrupted."""
        self.register.stopping.set()

    def stop(self, tell: Tell = lambda _line: None) -> None:
        """End MirrorMaker, Kafka, then Redis, then PostgreSQL; harmless when some never started."""
        self.interrupt()
        with self._changing:
            if self.mirror is not None and self.mirror.running:
                self.mirror.stop()
                tell("MirrorMaker")
            for name, one in (("Kafka", self.kafka), ("Redis", self.redis)):
                if one is not None:
                    one.stop()
                    tell(name)
            with ThreadPoolExecutor(len(SERVICES)) as pool:
                list(pool.map(lambda cluster: cluster.stop(), self.postgres.values()))
            if self.postgres:
                tell("PostgreSQL")
        (self.data / "engines.json").unlink(missing_ok=True)

    def release(self) -> None:
        """Give the data folder free for the next start."""
        if self._lock is not None:
            self._lock.close()


def _about(error: OSError, path: Path) -> StartFailure:
    if error.errno in NO_ROOM:
        return DiskFull(disk_full_sentence(path / "x"))
    return StartFailure(f"The data folder {path} can't be used: {error.strerror or error}.")
