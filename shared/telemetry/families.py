"""Families of samples as the exposition format wants them, made from the catalogue's metrics."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeAlias, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.utils import floatToGoString

from shared.telemetry.catalogue import Metric

Family: TypeAlias = MetricFamily
Labels: TypeAlias = tuple[str, ...]  # values of a metric's labels, in the catalogue's order
Values: TypeAlias = Mapping[Labels, float]
STEP = 10
K = TypeVar("K", bound=Hashable)


def gauge(metric: Metric, values: Values | float) -> Family:
    """A gauge; a single number where it has no labels."""
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in _by_labels(values).items():
        family.add_metric(labels, value)
    return family


def counter(metric: Metric, values: Values | float) -> Family:
    """A counter, without the time at which it was made: that would be the time of somebody's first act."""
    family = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in _by_labels(values).items():
        family.add_metric(labels, value)
    return family


def histogram(
    metric: Metric,
    bounds: Sequence[float],
    values: Mapping[Labels, tuple[Sequence[int], float | None]],
) -> Family:
    """Counts for each bound and above all, and the sum of what was observed; with None neither sum nor count."""
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    names = [*map(floatToGoString, bounds), "+Inf"]
    for labels, (within, total) in values.items():
        if any(within):
            family.add_metric(labels, list(zip(names, accumulate(within), strict=True)), total)
    return family


class DailyTens(Generic[K]):
    """Of counts that grow, the whole tens of each day, added up; a day's rest is told on no other day.

    Were it carried over, whoever fills a count up to nine would see the next one's single act.
    """

    def __init__(self) -> None:
        self._seen: Mapping[K, int] = {}
        self._told = Counter[K]()

    def end_day(self, counts: Mapping[K, int]) -> Mapping[K, int]:
        """What may be told of `counts` as they stand at a day's end; what never had ten in a day isn't there."""
        for what, count in counts.items():
            if tens := (count - self._seen.get(what, 0)) // STEP * STEP:
                self._told[what] += tens
        self._seen = dict(counts)
        return self._told


def _by_labels(values: Values | float) -> Values:
    return values if isinstance(values, Mapping) else {(): values}
