"""Reads `/metrics` as Prometheus does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from shared.telemetry.metrics import Metrics

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Scrape:
    """One answer of `/metrics`."""

    text: str

    def families(self) -> Iterator[Family]:
        yield from text_string_to_metric_families(self.text)

    def samples(self) -> Mapping[tuple[str, Labels], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families()
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels; None where it isn't told."""
        return self.samples().get((name, frozenset(labels.items())))

    def without_process(self) -> str:
        """All but what the process uses."""
        return "\n".join(line for line in self.text.splitlines() if "process_" not in line)


async def scrape(client: httpx.AsyncClient, metrics: Metrics) -> Scrape:
    """A look, and what is told after it."""
    await metrics.look()
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scrape(answer.text)
