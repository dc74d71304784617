"""Families of samples as the exposition format wants them, made from the catalogue's metrics."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.utils import floatToGoString

from shared.telemetry.catalogue import Metric

Family: TypeAlias = MetricFamily
Labels: TypeAlias = tuple[str, ...]  # values of a metric's labels, in the catalogue's order
Values: TypeAlias = Mapping[Labels, float]
STEP = 10


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
    values: Mapping[Labels, tuple[Sequence[int], float]],
    *,
    exact: bool,
) -> Family:
    """Counts for each bound and above all, and the sum of what was observed; unless `exact`, both in tens."""
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, (within, total) in values.items():
        up_to, told = list(accumulate(within)), total
        if not exact:
            count = up_to[-1]
            up_to = [each // STEP * STEP for each in up_to]
            told = total * up_to[-1] / count if count else 0.0
        if up_to[-1]:
            names = [*map(floatToGoString, bounds), "+Inf"]
            family.add_metric(labels, list(zip(names, up_to, strict=True)), told)
    return family


def in_tens(values: Values) -> Values:
    """Rounded down to tens; what is nothing then isn't told of at all."""
    return {labels: tens for labels, value in values.items() if (tens := value // STEP * STEP)}


def _by_labels(values: Values | float) -> Values:
    return values if isinstance(values, Mapping) else {(): values}
