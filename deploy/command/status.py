"""`peercafe status`: how the services of a running region are doing, in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.command.options import fail
from deploy.embedded import notices
from shared.telemetry import catalogue

SERVICES = ("identity", "forum", "events", "notifications", "analytics", "web")
SECONDS = 5.0


@dataclass
class Numbers:
    """What `status` reads of a service's metrics, by the catalogue's names."""

    text: str
    named: dict[str, dict[str, float]] = field(default_factory=dict)  # by the first label's value, summed

    def __post_init__(self) -> None:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                label = next(iter(sample.labels.values()), "")
                named = self.named.setdefault(family.name, {})
                named[label] = named.get(label, 0) + sample.value

    def total(self, metric: catalogue.Metric) -> float:
        """The sum over all labels; 0 for what isn't told."""
        return sum(self.named.get(metric.name, {}).values())

    def above_nought(self, metric: catalogue.Metric) -> Mapping[str, float]:
        """Label and value of the samples that aren't 0."""
        return {label: value for label, value in self.named.get(metric.name, {}).items() if value}


def troubles(numbers: Numbers) -> Iterable[str]:
    """What waits or fails, a few words each; nothing where all is well."""
    for engine, up in numbers.named.get(catalogue.ENGINE_UP.name, {}).items():
        if not up:
            yield f"{engine} doesn't answer"
    if rows := numbers.total(catalogue.OUTBOX_ROWS):
        age = numbers.total(catalogue.OUTBOX_AGE)
        yield f"{rows:.0f} rows wait to be published, the oldest for {age:.0f} s"
    for consumer, records in numbers.above_nought(catalogue.CONSUMER_LAG).items():
        yield f"{consumer} is {records:.0f} records behind"
    for consumer, seconds in numbers.above_nought(catalogue.CONSUMER_STANDING).items():
        yield f"{consumer} hasn't got on for {seconds:.0f} s"
    for consumer, attempts in numbers.above_nought(catalogue.CONSUMER_FAILURES).items():
        yield f"{consumer} has failed {attempts:.0f} times running"
    for queue, letters in numbers.above_nought(catalogue.DEAD_LETTERS).items():
        yield f"dead letters on {queue}: {letters:.0f}"


def show(operators: str) -> bool:
    """A line for each service; returns whether all is well."""
    well = True
    with httpx.Client(base_url=operators, timeout=SECONDS) as client:
        for name in SERVICES:
            try:
                ready = client.get(f"/{name}/health/ready").is_success
                said = list(troubles(Numbers(client.get(f"/{name}/metrics").text)))
            except httpx.HTTPError:
                fail(f"The region doesn't answer at {operators}.")
            well = well and ready and not said
            state = "ready" if ready else "not ready"
            print(f"{name:14}{state:11}{'; '.join(said) or 'nothing waits'}")  # noqa: T201
    return well


def show_notices(data: Path) -> bool:
    """What the operator must know since the last restore; returns whether there is nothing."""
    lines = notices.read(data)
    for line in [*lines, notices.until_when(data)] if lines else []:
        print(line)  # noqa: T201
    return not lines
