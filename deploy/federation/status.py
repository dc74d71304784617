"""How a running region's links are: what `federation status` shows."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.processes import Register
from deploy.federation.lag import Lag, lags
from deploy.federation.neighbours import Federation, Neighbour
from shared.region import load_region
from shared.settings import KafkaSettings

UP, STOPPED, NOT_RUNNING, NOT_REACHED = "up", "stopped", "not running", "not reached"


@dataclass(frozen=True)
class LinkStatus:
    """One neighbour.

    `link`: up; stopped by an operator; not running although it should (MirrorMaker is starting, or ends again and
    again); not reached (the neighbour's Kafka doesn't answer us).
    """

    neighbour: str
    link: str
    topics: list[Lag]

    @property
    def well(self) -> bool:
        """Nothing for an operator to look at; what is under way isn't."""
        return self.link == UP

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return asdict(self)


async def status_of(data: Path) -> tuple[str, list[LinkStatus]]:
    """The region that runs on `data`, and its links.

    Raises FileNotFoundError where none runs, KafkaError where its Kafka doesn't answer.
    """
    engines = Addresses.of_running(data)
    region = load_region(data / REGION_FILE).id
    runs = any(
        one.name == "mirror-maker" and one.process() for one in Register(data / "processes.json").read()
    )
    own = KafkaSettings(bootstrap_servers=engines.kafka)
    return region, [await _link(own, region, one, runs=runs) for one in Federation.of(data).neighbours]


async def _link(own: KafkaSettings, region: str, neighbour: Neighbour, *, runs: bool) -> LinkStatus:
    found = await lags(own, neighbour, region)
    if not neighbour.linked:
        link = STOPPED
    elif not runs:
        link = NOT_RUNNING
    else:
        link = NOT_REACHED if found is None else UP
    return LinkStatus(neighbour.region, link, found or [])
