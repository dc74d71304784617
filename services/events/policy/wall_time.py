"""Local wall time and IANA zones: when a café is, whatever the clocks do in between.

A café is kept as wall time and zone, because that is what people agree on. It becomes an instant only to be
compared with the clock. A wall time that a change of clocks skips means the instant one offset later, one that
occurs twice means the first (PEP 495, fold=0).
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

CHECK_IN_BEFORE = timedelta(hours=1)
CHECK_IN_AFTER = timedelta(hours=4)
LONGEST = timedelta(hours=12)  # a café; check-in closes earlier

Repeat = Literal["weekday", "date"]


@cache
def zones() -> frozenset[str]:
    """The IANA zone names this machine knows, without the machine's own `localtime`."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def instant(wall: datetime, zone: str) -> datetime:
    """The aware UTC time of a wall time (naive) in a zone."""
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def midnight(day: date) -> datetime:
    """Midnight UTC of a date: the only time events puts into versions and outbox rows."""
    return datetime.combine(day, time(), UTC)


def local_day(at: datetime, zone: str) -> date:
    """The date in a zone at an aware time."""
    return at.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time from `opens` (included) to `closes` (excluded), both aware UTC."""

    opens: datetime
    closes: datetime

    def holds(self, at: datetime) -> bool:
        return self.opens <= at < self.closes


def check_in_window(start: datetime) -> Window:
    """When the code of the day is good: elapsed hours around the start, also past midnight and a change of clocks."""
    return Window(start - CHECK_IN_BEFORE, start + CHECK_IN_AFTER)


def oldest_day_not_over(at: datetime, zone: str) -> date:
    """Cafés of earlier days are over: the day it was in `zone` when check-in closing now opened for its café."""
    return local_day(at - CHECK_IN_AFTER, zone)


def earliest_still_on(at: datetime) -> datetime:
    """A wall time (naive) before which no café of any zone is still on, for queries that can't know zones."""
    return at.replace(tzinfo=None) - timedelta(hours=12) - LONGEST


def monthly(first: date, times: int, repeat: Repeat) -> list[date]:
    """`times` days a month apart, the first included.

    `weekday`: the same weekday of the month (the second Tuesday; the last one where a month has no fifth).
    `date`: the same day of the month (the last one where a month is shorter).
    """
    return [_in_month(first, months, repeat) for months in range(times)]


def _in_month(first: date, months: int, repeat: Repeat) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    month += 1
    weekday_of_first, length = calendar.monthrange(year, month)
    if repeat == "date":
        return date(year, month, min(first.day, length))
    earliest = 1 + (first.weekday() - weekday_of_first) % 7
    wanted = earliest + (first.day - 1) // 7 * 7
    return date(year, month, wanted if wanted <= length else wanted - 7)
