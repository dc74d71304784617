"""Every metric of a service: the only place where one is named (docs/operations.md shows them; decision 9 says why so).

What moves with what members do is marked `acts`: told at once by the forum, which keeps clock times anyway, and by
all others once a day, that day's tens. Everything else is about machines, and cut so that one act in a healthy service
changes nothing.
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of numbers. A counter's name is without the `_total` that its samples bear."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    acts: bool = False

    @property
    def shown(self) -> str:
        """The name as a query writes it."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


HTTP_REQUESTS = Metric(
    "peercafe_http_requests",
    Kind.COUNTER,
    ("method", "route", "status"),
    "Answered requests by route template and class of status.",
    acts=True,
)
HTTP_DURATION = Metric(
    "peercafe_http_request_duration_seconds",
    Kind.HISTOGRAM,
    ("method", "route"),
    "From the request's arrival at the service to the end of its answer. But for the forum without sum and count.",
    acts=True,
)
OUTBOX_PUBLISHED = Metric(
    "peercafe_outbox_published_records",
    Kind.COUNTER,
    ("topic",),
    "Outbox rows that Kafka acknowledged: the relay's rate.",
    acts=True,
)
HTTP_FAULTS = Metric(
    "peercafe_http_faults",
    Kind.COUNTER,
    ("status",),
    "Answers of 500 and above.",
)
OUTBOX_ROWS = Metric(
    "peercafe_outbox_rows",
    Kind.GAUGE,
    (),
    "Rows that have waited for the relay since the look before; every process of a service tells the same."
    " But for the forum in tens, rounded up.",
)
OUTBOX_AGE = Metric(
    "peercafe_outbox_oldest_row_age_seconds",
    Kind.GAUGE,
    (),
    "For how long this process has seen the oldest of them wait; 0 when none does. But for the forum in minutes.",
)
RELAY_FAILING = Metric(
    "peercafe_relay_failing",
    Kind.GAUGE,
    (),
    "1 while rows wait because the last attempt to publish failed.",
)
CONSUMER_LAG = Metric(
    "peercafe_consumer_lag_records",
    Kind.GAUGE,
    ("consumer", "topic"),
    "Records of this process's partitions, those in hand too, that have waited since the look before;"
    " missing until it has partitions. But for the forum in tens, rounded up.",
)
CONSUMER_STANDING = Metric(
    "peercafe_consumer_without_progress_seconds",
    Kind.GAUGE,
    ("consumer",),
    "For how long records have waited without any attempt at them ending, in whole looks; not alive from 120 on.",
)
CONSUMER_FAILURES = Metric(
    "peercafe_consumer_failed_attempts",
    Kind.GAUGE,
    ("consumer",),
    "Attempts that failed one after the other; 0 after one that worked.",
)
INBOX_DUPLICATES = Metric(
    "peercafe_inbox_duplicates",
    Kind.COUNTER,
    ("consumer",),
    "Facts that came again and had no effect.",
)
REFUSED_RECORDS = Metric(
    "peercafe_refused_records",
    Kind.COUNTER,
    ("consumer", "topic", "reason"),
    "Records set aside as dead letters, by what was wrong with them.",
)
DEAD_LETTERS = Metric(
    "peercafe_dead_letter_records",
    Kind.GAUGE,
    ("topic",),
    "Dead letters that stand on the service's queue.",
)
POOL_USED = Metric(
    "peercafe_database_pool_used_ratio",
    Kind.GAUGE,
    (),
    "Share of the service's database connections in use, rounded down to a quarter.",
)
ENGINE_UP = Metric(
    "peercafe_engine_up",
    Kind.GAUGE,
    ("engine",),
    "1 where the last look reached the engine (database, kafka); what it tells is missing meanwhile.",
)
FEDERATION_BUCKETS = Metric(
    "peercafe_federation_buckets",
    Kind.GAUGE,
    ("region", "topic", "state"),
    "Buckets of what this region wrote, by what a neighbour's last digest said of them: same, behind (on its way),"
    " different, alarmed (still different after three repairs).",
)
FEDERATION_REPAIRED = Metric(
    "peercafe_federation_repaired_buckets",
    Kind.COUNTER,
    ("region", "topic"),
    "Times that a bucket was published again because a neighbour hadn't all of it.",
)
FEDERATION_UNSUMMED = Metric(
    "peercafe_federation_unsummed_buckets",
    Kind.GAUGE,
    ("topic",),
    "Buckets that couldn't be summed up at the last try: until they can, nobody knows whether neighbours have what is in"
    " them. Tried again every round.",
)
FEDERATION_COMPARED = Metric(
    "peercafe_federation_compared_age_seconds",
    Kind.GAUGE,
    ("region", "topic"),
    "Since a neighbour's digest was last compared with what this region wrote.",
)
FEDERATION_HEARD = Metric(
    "peercafe_federation_heard_age_seconds",
    Kind.GAUGE,
    ("region",),
    "Since a neighbour last told what it has itself; every ten minutes and oftener while its link works.",
)
FEDERATION_REFUSED = Metric(
    "peercafe_federation_refused_records",
    Kind.COUNTER,
    ("region", "topic", "reason"),
    "Records that were refused: of another home than their topic's, with an id that doesn't recompute, huge, or"
    " unreadable.",
)
PROCESS_START = Metric(
    "process_start_time_seconds", Kind.GAUGE, (), "When the process started, in seconds since 1970."
)
PROCESS_CPU = Metric(
    "process_cpu_seconds", Kind.COUNTER, (), "Processor time used, rounded down to ten seconds."
)

METRICS: tuple[Metric, ...] = (
    OUTBOX_ROWS,
    OUTBOX_AGE,
    RELAY_FAILING,
    OUTBOX_PUBLISHED,
    CONSUMER_LAG,
    CONSUMER_STANDING,
    CONSUMER_FAILURES,
    REFUSED_RECORDS,
    DEAD_LETTERS,
    INBOX_DUPLICATES,
    HTTP_REQUESTS,
    HTTP_DURATION,
    HTTP_FAULTS,
    POOL_USED,
    ENGINE_UP,
    FEDERATION_BUCKETS,
    FEDERATION_REPAIRED,
    FEDERATION_UNSUMMED,
    FEDERATION_COMPARED,
    FEDERATION_HEARD,
    FEDERATION_REFUSED,
    PROCESS_START,
    PROCESS_CPU,
)
