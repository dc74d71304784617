"""Two whole regions as people run them, each pulling from the other through a proxy (proxy.py).

    with joined_regions() as pair:
        pair.north.url; pair.south.engines["kafka"]         # tests.region.running.RunningRegion
        peercafe(pair.south, "federation", "link", "north", "stop")
        pair.way_to("north").cut()                          # south can't pull from north any more
        pair.south.stop(); shutil.rmtree(pair.south.data / "kafka"); pair.south.start()

Digests are told every half second instead of every minute, so that what differs is found while one looks.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import guard
from deploy.embedded.ports import free_port
from deploy.embedded.processes import Register
from deploy.federation.neighbours import Doorway, Federation
from deploy.federation.running import acquaint, folder_of
from shared.settings import KafkaSettings
from tests.federation.proxy import Proxy
from tests.region.running import ROOT, RunningRegion

NAMES = ("north", "south")
DIGESTS_SECONDS = 0.5
ANYWAY_SECONDS = 4
PLENTY = {
    f"PEERCAFE_FORUM_{limit}__{part}": "10000"
    for limit in ("POSTS", "THREADS", "PROFILES", "READS")
    for part in ("RATE", "BURST")
}
QUICK = {
    "PEERCAFE_FORUM_DIGESTS_SECONDS": str(DIGESTS_SECONDS),
    "PEERCAFE_FORUM_DIGESTS_ANYWAY_SECONDS": str(ANYWAY_SECONDS),
}


@dataclass
class Pair:
    """North and south, and the ways over which they pull from each other."""

    north: RunningRegion
    south: RunningRegion
    ways: dict[str, Proxy]

    @property
    def regions(self) -> dict[str, RunningRegion]:
        """By name."""
        return {"north": self.north, "south": self.south}

    def way_to(self, region: str) -> Proxy:
        """The way over which the other one pulls from `region`."""
        return self.ways[region]


def other_than(region: str) -> str:
    """The neighbour's name."""
    return "south" if region == "north" else "north"


def kafka_of(region: RunningRegion) -> KafkaSettings:
    """Its own Kafka, from this machine: there one may do everything."""
    return KafkaSettings(bootstrap_servers=region.engines["kafka"])


@contextmanager
def joined_regions() -> Iterator[Pair]:
    """Both started and linked; stopped with the block, or when the test run dies."""
    home = Path(tempfile.mkdtemp(prefix="peercafe-federation-"))
    harness = Register(home / "harness.json")
    datas = {name: folder_of(home, name) for name in NAMES}
    registers = (Register(data / "processes.json") for data in datas.values())
    watching = guard.watch(home, harness, *registers)
    with ExitStack() as ends:
        ends.callback(watching.wait, 60)
        ends.callback(lambda: watching.stdin and watching.stdin.close())
        ways = {name: _open_doorway(data, ends) for name, data in datas.items()}
        acquaint(datas)
        regions = [
            RunningRegion(
                data,
                harness=harness,
                env=QUICK | PLENTY,
                region_file=ROOT / "deploy" / "regions" / f"{name}.toml",
            )
            for name, data in datas.items()
        ]
        both = ends.enter_context(ThreadPoolExecutor(len(regions)))
        ends.callback(lambda: list(both.map(RunningRegion.end, regions)))
        north, south = both.map(RunningRegion.start, regions)
        yield Pair(north, south, ways)


def _open_doorway(data: Path, ends: ExitStack) -> Proxy:
    """Where a region's Kafka listens for neighbours, and the proxy that they know it by."""
    port = free_port()
    way = ends.enter_context(Proxy("127.0.0.1", port))
    Federation(doorway=Doorway("127.0.0.1", port, way.place)).write(data)
    return way
