"""How a running region's links are: what `federation status` shows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.processes import Register
from deploy.federation.lag import Lag, lags
from deploy.federation.neighbours import Federation, Neighbour
from shared import clock
from shared.contracts.topics import CATALOGUE
from shared.database.engine import make_engine, make_sessions
from shared.region import load_region
from shared.settings import KafkaSettings
from shared.telemetry import catalogue

UP, STOPPED, NOT_RUNNING, NOT_REACHED = "up", "stopped", "not running", "not reached"
TO_BE_RESET = "to be reset"
SECONDS = 5.0
LONGEST_LAG = 300.0  # seconds, as for what is to be published (docs/operations.md)
LONGEST_SILENCE = 1800.0  # a neighbour tells of itself every ten minutes
Place = tuple[str, str]  # a neighbour and a topic


@dataclass
class Digests:
    """What the neighbour has of our own records of a topic, as its digests say, and what of its own wasn't believed.

    Counts are of buckets; `behind` are on their way, `alarmed` those for which three repairs had no effect. `compared`:
    seconds since the last comparison, None before the first.
    """

    compared: float | None = None
    behind: int = 0
    different: int = 0
    alarmed: int = 0
    repaired: int = 0
    refused: int = 0


@dataclass(frozen=True)
class TopicStatus:
    """One topic of a link, both ways: what waits of the neighbour's, and what it has of ours."""

    topic: str
    records: int | None  # that wait at the neighbour; None where it can't be asked
    seconds: float | None  # since the oldest of them is there; None also for topics that tell only the day
    digests: Digests = field(default_factory=Digests)


@dataclass(frozen=True)
class LinkStatus:
    """One neighbour.

    `link`: up; stopped by an operator; not running although it should (MirrorMaker is starting, or ends again and
    again); not reached (the neighbour's Kafka doesn't answer us); to be reset (it has less than was mirrored of it: it lost
    its Kafka). `heard`: seconds since it last told of itself. `unconfirmed`: erasures here that it hasn't confirmed for more
    than a day.
    """

    neighbour: str
    link: str
    heard: float | None
    muted: bool
    topics: list[TopicStatus]
    unconfirmed: int = 0

    @property
    def well(self) -> bool:
        """Nothing for an operator to look at; what is under way isn't."""
        return not self.worries

    @property
    def worries(self) -> list[str]:
        """What an operator is to look at (docs/federation.md), each in a few words."""
        found = [] if self.link == UP else [f"the link is {self.link}"]
        if self.heard is not None and self.heard > LONGEST_SILENCE:
            found.append(f"it was last heard {_minutes(self.heard)} ago")
        for one in self.topics:
            if one.seconds is not None and one.seconds > LONGEST_LAG:
                found.append(f"{one.topic}: what it has waits there for {_minutes(one.seconds)}")
            if one.digests.alarmed:
                found.append(
                    f"{one.topic}: publishing again {one.digests.alarmed} of our buckets had no effect"
                )
            if one.digests.refused:
                found.append(f"{one.topic}: {one.digests.refused} of its records weren't believed")
        if self.unconfirmed:
            found.append(
                f"erasures of our members that it hasn't confirmed for more than a day: {self.unconfirmed}"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {**asdict(self), "topics": [_flat(one) for one in self.topics], "worries": self.worries}


async def status_of(data: Path) -> tuple[str, list[LinkStatus]]:
    """The region that runs on `data`, and its links.

    Raises FileNotFoundError where none runs, KafkaError where its Kafka doesn't answer, httpx.HTTPError where its forum
    doesn't.
    """
    engines = Addresses.of_running(data)
    region = load_region(data / REGION_FILE).id
    runs = any(
        one.name == "mirror-maker" and one.process() for one in Register(data / "processes.json").read()
    )
    own = KafkaSettings(bootstrap_servers=engines.kafka)
    async with httpx.AsyncClient(base_url=engines.operators, timeout=SECONDS) as client:
        told = (await client.get("/forum/metrics")).text
    digests, heard = read_metrics(told)
    federation = Federation.of(data)
    muted, unconfirmed = await _known_to_the_forum(engines, region, federation)
    links = []
    for one in federation.neighbours:
        found = await lags(own, one, region)
        topics = [
            _topic(name, {lag.topic: lag for lag in found or []}.get(name), digests[one.region, name])
            for name in (topic.name for topic in CATALOGUE if topic.mirrored)
        ]
        link = _link(one, found, runs=runs)
        status = LinkStatus(
            one.region,
            link,
            heard.get(one.region),
            one.region in muted,
            topics,
            unconfirmed.get(one.region, 0),
        )
        links.append(status)
    return region, links


async def _known_to_the_forum(
    engines: Addresses, region: str, federation: Federation
) -> tuple[set[str], dict[str, int]]:
    """The muted regions, and how many erasures each neighbour hasn't confirmed."""
    from services.forum.queries.erasures import missing
    from services.forum.use_cases.muting import muted

    database = make_engine(engines.database("forum"), pool=1, application="federation-status")
    try:
        async with make_sessions(database)() as session:
            unconfirmed = await missing(session, region, federation.regions, clock.now())
            return {name for name, _ in await muted(session)}, unconfirmed
    finally:
        await database.dispose()


def read_metrics(text: str) -> tuple[Mapping[Place, Digests], dict[str, float]]:
    """What the forum's metrics tell of each neighbour's topics, and how many seconds ago each neighbour was heard."""
    found: defaultdict[Place, Digests] = defaultdict(Digests)
    heard: dict[str, float] = {}
    for name, labels, value in _samples(text):
        region, topic = labels.get("region", ""), labels.get("topic", "")
        match name:
            case catalogue.FEDERATION_BUCKETS.name:
                if labels["state"] != "same":
                    setattr(found[region, topic], labels["state"], int(value))
            case catalogue.FEDERATION_REPAIRED.name:
                found[region, topic].repaired = int(value)
            case catalogue.FEDERATION_COMPARED.name:
                found[region, topic].compared = value
            case catalogue.FEDERATION_REFUSED.name:
                found[region, topic].refused += int(value)
            case catalogue.FEDERATION_HEARD.name:
                heard[region] = value
    return found, heard


def _samples(text: str) -> Iterable[tuple[str, Mapping[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield family.name, sample.labels, sample.value


def _link(neighbour: Neighbour, found: list[Lag] | None, *, runs: bool) -> str:
    if not neighbour.linked:
        return STOPPED
    if not runs:
        return NOT_RUNNING
    if found is None:
        return NOT_REACHED
    return TO_BE_RESET if any(lag.shrunk for lag in found) else UP


def _topic(name: str, lag: Lag | None, digests: Digests) -> TopicStatus:
    if lag is None:
        return TopicStatus(name, None, None, digests)
    return TopicStatus(name, lag.records, lag.seconds, digests)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes"


def _flat(topic: TopicStatus) -> dict[str, Any]:
    shown = asdict(topic)
    return {**{name: value for name, value in shown.items() if name != "digests"}, **shown["digests"]}
