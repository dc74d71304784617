"""The only place that tells the time, so that tests can set it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def _system() -> datetime:
    return datetime.now(UTC)


class _Teller:
    """Who tells the time at present."""

    source: Callable[[], datetime] = staticmethod(_system)


def now() -> datetime:
    """The time, aware, in UTC."""
    return _Teller.source()


def today(zone: str = "UTC") -> date:
    """The date in an IANA time zone."""
    return now().astimezone(ZoneInfo(zone)).date()


def set_source(source: Callable[[], datetime] | None) -> None:
    """Tell the time by `source` (aware, UTC) from now on; None means the system's clock again."""
    _Teller.source = staticmethod(source or _system)


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        """Go on (or back) by a span."""
        self.at += by


@contextmanager
def stopped_at(at: datetime) -> Iterator[SettableClock]:
    """Within the block the time is `at`, moved only by hand."""
    clock, before = SettableClock(at), _Teller.source
    set_source(clock)
    try:
        yield clock
    finally:
        set_source(before)
