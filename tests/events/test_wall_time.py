"""Wall time in zones: changes of clocks, monthly series, what is over."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.events.policy.codes import code_of_the_day, is_code, readable
from services.events.policy.wall_time import check_in_window, earliest_still_on, instant, monthly, zones

OSLO = "Europe/Oslo"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2026-01-13T18:00", OSLO, "2026-01-13T17:00"),
        ("2026-07-14T18:00", OSLO, "2026-07-14T16:00"),
        ("2026-07-14T18:00", "Pacific/Kiritimati", "2026-07-14T04:00"),
        ("2026-03-29T02:30", OSLO, "2026-03-29T01:30"),  # skipped: clocks go from 02:00 to 03:00
        ("2026-10-25T02:30", OSLO, "2026-10-25T00:30"),  # twice: the first
    ],
)
def test_a_wall_time_is_the_instant_its_zone_makes_it(wall: str, zone: str, expected: str) -> None:
    assert instant(datetime.fromisoformat(wall), zone) == utc(expected)


@pytest.mark.parametrize(
    ("wall", "opens", "closes"),
    [
        ("2026-03-29T00:30", "2026-03-28T22:30", "2026-03-29T03:30"),  # 05:30 summer time, four hours later
        ("2026-10-25T00:30", "2026-10-24T21:30", "2026-10-25T02:30"),  # 03:30 winter time, four hours later
        ("2026-03-10T22:00", "2026-03-10T20:00", "2026-03-11T01:00"),  # past midnight
    ],
)
def test_check_in_hours_are_elapsed_hours(wall: str, opens: str, closes: str) -> None:
    window = check_in_window(instant(datetime.fromisoformat(wall), OSLO))
    assert (window.opens, window.closes) == (utc(opens), utc(closes))
    assert window.holds(window.opens)
    assert window.holds(window.closes - timedelta(microseconds=1))
    assert not window.holds(window.closes)
    assert not window.holds(window.opens - timedelta(microseconds=1))


def test_a_series_keeps_its_weekday_of_the_month() -> None:
    second_tuesdays = monthly(date(2026, 11, 10), 4, "weekday")
    assert second_tuesdays == [
        date(2026, 11, 10),
        date(2026, 12, 8),
        date(2027, 1, 12),
        date(2027, 2, 9),
    ]


def test_a_fifth_weekday_is_the_last_where_a_month_has_four() -> None:
    assert monthly(date(2026, 3, 31), 4, "weekday") == [
        date(2026, 3, 31),
        date(2026, 4, 28),
        date(2026, 5, 26),
        date(2026, 6, 30),
    ]


def test_a_series_can_keep_its_date() -> None:
    assert monthly(date(2027, 12, 31), 4, "date") == [
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 29),
        date(2028, 3, 31),
    ]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", OSLO, "America/Los_Angeles"])
def test_no_cafe_that_is_still_on_is_missed_in_any_zone(zone: str) -> None:
    start = instant(datetime.fromisoformat("2026-03-10T18:00"), zone)
    assert earliest_still_on(start + timedelta(hours=12)) <= datetime.fromisoformat("2026-03-10T18:00")


def test_zones_are_names_of_places() -> None:
    assert {OSLO, "UTC", "America/Argentina/Ushuaia"} <= zones()
    assert not {"localtime", "posixrules"} & zones()


def test_codes_differ_by_cafe_and_day_and_are_read_leniently() -> None:
    from uuid import uuid4

    cafe, secret = uuid4(), b"x" * 32
    code = code_of_the_day(secret, cafe, date(2026, 3, 10))
    assert len(code) == 6
    assert code.isdigit()
    assert code == code_of_the_day(secret, cafe, date(2026, 3, 10))
    others = {code_of_the_day(secret, uuid4(), date(2026, 3, 10)) for _ in range(50)}
    others |= {code_of_the_day(secret, cafe, date(2026, 4, day)) for day in range(1, 30)}
    assert len(others) > 70
    assert is_code(readable(code), code)
    assert is_code(f" {code[0]}-{code[1:]}\t", code)
    assert is_code("".join(chr(ord("٠") + int(digit)) for digit in code), code)
    assert not is_code(code[:-1], code)
    assert not is_code(code + "0", code)
    assert not is_code("", code)
