"""What the switchboard's consumers and releases are given."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared import clock
from shared.hlc import HybridLogicalClock


@dataclass(frozen=True, slots=True)
class Switchboard:
    """One region's switchboard: where it stands and how long it holds what passes.

    `notices_seconds`, `engagement_seconds`: the longest that a record is held, between its handling and its release.
    """

    region: str
    zone: str  # IANA; days of acts are this zone's
    notices_seconds: float
    engagement_seconds: float
    versions: HybridLogicalClock = field(default_factory=HybridLogicalClock)

    @property
    def engagement_hold(self) -> timedelta:
        """The least an act is held: so long may word of its study be behind it."""
        return timedelta(seconds=self.engagement_seconds / 2)

    def next_notices_tick(self) -> datetime:
        """When notices are released next."""
        return _last_tick(self.notices_seconds) + timedelta(seconds=self.notices_seconds)

    def engagement_tick(self) -> datetime:
        """When acts were last to be released: twice per longest hold, half of which each waits in any case."""
        return _last_tick(self.engagement_seconds / 2)

    def day_of(self, at: datetime) -> date:
        """The day it was here."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def start_of(self, day: date) -> datetime:
        """The instant at which that day began here. Never ahead of now, as midnight UTC would be."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


def _last_tick(seconds: float) -> datetime:
    # Ticks don't depend on what is held: how long after its handling a record leaves says nothing about it.
    now = clock.now()
    return now - timedelta(seconds=now.timestamp() % seconds)
