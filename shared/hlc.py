"""Versions of states: a hybrid logical clock (Kulkarni et al. 2014) as signed 64-bit ms << 16 | counter.

Never a counter alone: a restored database must not use a number twice (DESIGN §3).
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock

from shared import clock
from shared.contracts.payloads.payload import COUNTER_BITS as COUNTER_BITS  # noqa: PLC0414 - told on, for all who have versions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def version_at(at: datetime) -> int:
    """The smallest version of that millisecond."""
    return milliseconds(at) << COUNTER_BITS


@lru_cache(maxsize=4096)
def time_of(version: int) -> datetime:
    """The physical part of a version, to the millisecond, aware UTC."""
    return EPOCH + (version >> COUNTER_BITS) * MILLISECOND


def next_version(previous: int | None, at: datetime) -> int:
    """A version above `previous`, of time `at` where that is later.

    For writers that keep dates only: `at` is then midnight of the day.
    """
    return max(version_at(at), 0 if previous is None else previous + 1)


class HybridLogicalClock:
    """One process's clock: every tick is above all ticks before and all versions observed."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = Lock()

    def tick(self) -> int:
        """The next version."""
        with self._lock:
            self._last = next_version(self._last, clock.now())
            return self._last

    def observe(self, version: int) -> None:
        """Be above a version that was read from elsewhere, unless that writer's clock is far ahead.

        More than 10 minutes ahead is a broken clock (DESIGN §4): following it would break ours as well.
        """
        with self._lock:
            if self._last < version <= version_at(clock.now()) + (600_000 << COUNTER_BITS):
                self._last = version
