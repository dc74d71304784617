"""Versions only grow, whatever the clock does."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared import clock
from shared.hlc import HybridLogicalClock, next_version, time_of, version_at

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(min_value=-10_000, max_value=10_000), min_size=1, max_size=50))
def test_every_tick_is_above_all_before_even_when_the_clock_jumps_back(jumps: list[int]) -> None:
    versions = HybridLogicalClock()
    seen: list[int] = []
    with clock.stopped_at(NOON) as time:
        for jump in jumps:
            time.move(timedelta(milliseconds=jump))
            seen.append(versions.tick())
    assert seen == sorted(set(seen))


def test_a_tick_is_above_a_version_observed_from_another_region() -> None:
    versions = HybridLogicalClock()
    with clock.stopped_at(NOON):
        ahead = version_at(NOON + timedelta(minutes=4))
        versions.observe(ahead)
        assert versions.tick() == ahead + 1


def test_a_clock_more_than_ten_minutes_ahead_is_not_followed() -> None:
    versions = HybridLogicalClock()
    with clock.stopped_at(NOON):
        versions.observe(version_at(NOON + timedelta(minutes=15)))
        assert versions.tick() == version_at(NOON)


def test_a_version_tells_its_time_to_the_millisecond_and_fits_64_signed_bits() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    assert time_of(version_at(at)) == at
    assert version_at(datetime(6400, 1, 1, tzinfo=UTC)) < 2**63


def test_a_restored_database_uses_no_version_twice() -> None:
    before_the_backup = next_version(None, NOON)
    lost = next_version(before_the_backup, NOON + timedelta(minutes=1))
    again = next_version(before_the_backup, NOON + timedelta(hours=1))
    assert again > lost
