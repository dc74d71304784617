"""A whole region as people start it: how long until it is ready, and how much memory it takes."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.lines import Line, Result, interleaved
from deploy.embedded import jars
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register
from deploy.embedded.redis import Redis
from deploy.embedded.secrets import of_region
from tests.engines import Engines
from tests.region.running import ROOT, RunningRegion, regions

READY = Line(
    "second make run until ready",
    "the slowest engine's own start on the same data",
    5,
    3,
    better="lower",
)
MEMORY = Line(
    "memory of the whole region after replay study, PSS in MB, engines included",
    "800 MB",
    1.0,
    0.69,
    better="lower",
)
ALLOWED_MB = 800.0
LOOKS, BETWEEN_LOOKS = 3, 5.0


async def measure(_engines: Engines) -> list[Result]:
    """The lines of a whole region; it has engines of its own."""
    with regions() as make:
        region = make()
        await asyncio.to_thread(region.start)
        await asyncio.to_thread(region.stop)
        ready = await interleaved(READY, lambda: second_start(region), lambda: slowest_engine(region))
        await asyncio.to_thread(region.start)
        await asyncio.to_thread(replay_study, region)
        memory = await after_the_replay(region)
        await asyncio.to_thread(region.stop)
    return [ready, memory]


async def second_start(region: RunningRegion) -> float:
    """Seconds from the command until it says that it is open."""
    started = time.perf_counter()
    await asyncio.to_thread(region.start)
    seconds = time.perf_counter() - started
    await asyncio.to_thread(region.stop)
    return seconds


async def slowest_engine(region: RunningRegion) -> float:
    """Seconds of the slowest of Kafka, one PostgreSQL and Redis, each started alone on the region's data."""
    register = Register(region.data / "processes.json")
    secrets = of_region(region.data)
    engines: list[Kafka | Postgres | Redis] = [
        Kafka(home=region.data, register=register, jars=jars.fetch()),
        Postgres("forum", home=region.data, register=register, password=secrets.superuser["forum"]),
        Redis(
            home=region.data,
            register=register,
            users=secrets.redis,
            password=secrets.redis_administrator,
        ),
    ]
    return max([await asyncio.to_thread(_start_and_stop, engine) for engine in engines])


def _start_and_stop(engine: Kafka | Postgres | Redis) -> float:
    started = time.perf_counter()
    engine.start()
    seconds = time.perf_counter() - started
    engine.stop()
    return seconds


def replay_study(region: RunningRegion) -> None:
    """`peercafe replay study`, as an operator runs it."""
    command = [sys.executable, "-m", "deploy.command.main", "replay", "study", "--data", str(region.data)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


async def after_the_replay(region: RunningRegion) -> Result:
    """A few looks at what the region's processes hold together, the engines' own included."""
    looks: list[float] = []
    for _ in range(LOOKS):
        await asyncio.sleep(BETWEEN_LOOKS)
        kinds = by_kind(region)
        looks.append(sum(kinds.values()))
    notes = ", ".join(f"{name} {mb:.0f} MB" for name, mb in sorted(kinds.items(), key=lambda one: -one[1]))
    return Result(MEMORY, looks, [ALLOWED_MB] * LOOKS, notes=notes)


def by_kind(region: RunningRegion) -> dict[str, float]:
    """Megabytes by program."""
    kinds: dict[str, float] = {}
    started = psutil.Process(region.pid)
    for process in (started, *started.children(recursive=True)):
        try:
            name = process.name()
        except psutil.NoSuchProcess:
            continue
        kinds[name] = kinds.get(name, 0.0) + proportional_mb(process)
    return kinds


def proportional_mb(process: psutil.Process) -> float:
    """The process's PSS in MB: memory that several share counts once among them."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return kilobytes * 1024 / 1e6
