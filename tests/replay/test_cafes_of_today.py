"""A café of today can be planned at any minute, and its guests check in at once."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from replay.cafes import start_today

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize("at", ["00:00", "00:01", "12:30", "23:40", "23:49", "23:50", "23:55", "23:59"])
def test_the_start_is_today_and_its_check_in_is_open(at: str) -> None:
    now = datetime.fromisoformat(f"2026-11-21T{at}:30").replace(tzinfo=OSLO)
    start = start_today(now)
    assert start.date() == now.date()
    assert start - timedelta(hours=1) <= now < start + timedelta(hours=4)
    assert (start.second, start.microsecond) == (0, 0)
