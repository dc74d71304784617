"""A gathering: a café with its plan, and what may happen to it."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from services.events.errors import (
    CheckInClosed,
    DayHasPassed,
    GatheringIsCancelled,
    GatheringIsOver,
    GatheringNotYet,
    GatheringWasHeld,
    NamesNotTaken,
    ReasonNeeded,
    TooFarAhead,
    ZoneUnknown,
)
from services.events.models.base import Base
from services.events.policy.wall_time import Window, check_in_window, instant, local_day, midnight, zones
from shared.contracts.payloads.events import GatheringRecorded
from shared.hlc import next_version

MAX_DAYS_AHEAD = 730


@dataclass(frozen=True, slots=True)
class Plan:
    """What a consultant says about a café: when (local wall time), where, how to get in, and what to think about."""

    title: str | None
    starts: datetime
    zone: str
    duration_minutes: int
    area: str
    way_there: str
    toilet: str
    step_free: bool
    met_by: str
    place: str
    capacity: int | None
    prompt_thread: UUID | None
    prompt_text: str | None

    def check(self, at: datetime) -> None:
        """Raises ZoneUnknown, DayHasPassed, TooFarAhead."""
        if self.zone not in zones():
            raise ZoneUnknown()
        today = local_day(at, self.zone)
        day = self.starts.date()
        if day < today:
            raise DayHasPassed()
        if day > today + timedelta(days=MAX_DAYS_AHEAD):
            raise TooFarAhead()


class Gathering(Base):
    """`starts` is local wall time in `zone`, without offset. `revision` counts the changes that those who answered must hear of."""

    __tablename__ = "gatherings"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    community_id: Mapped[UUID]
    series_id: Mapped[UUID]
    planned_by: Mapped[UUID | None]
    title: Mapped[str | None]
    starts: Mapped[datetime]
    zone: Mapped[str]
    duration_minutes: Mapped[int]
    area: Mapped[str]
    way_there: Mapped[str]
    toilet: Mapped[str]
    step_free: Mapped[bool]
    met_by: Mapped[str]
    place: Mapped[str]
    capacity: Mapped[int | None]
    prompt_thread: Mapped[UUID | None]
    prompt_text: Mapped[str | None]
    cancelled: Mapped[bool]
    reason: Mapped[str | None]
    previous_starts: Mapped[datetime | None]
    revision: Mapped[int]
    head_count: Mapped[int | None]
    version: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def cafe(
        cls, community_id: UUID, series_id: UUID, planner: UUID, plan: Plan, at: datetime
    ) -> "Gathering":
        """A café as planned; check the plan first. `at` aware UTC, of which the day is kept in the version."""
        return cls(
            id=uuid4(),
            kind="cafe",
            community_id=community_id,
            series_id=series_id,
            planned_by=planner,
            cancelled=False,
            revision=0,
            version=next_version(None, midnight(at.date())),
            **asdict(plan),
        )

    @property
    def start(self) -> datetime:
        """The instant it starts, aware UTC."""
        return instant(self.starts, self.zone)

    @property
    def day(self) -> date:
        """The date it starts on, where it is held."""
        return self.starts.date()

    @property
    def check_in(self) -> Window:
        """When members can check in."""
        return check_in_window(self.start)

    def is_over(self, at: datetime) -> bool:
        """Whether nobody can come any more: check-in has closed and the planned end has passed."""
        return at >= max(self.check_in.closes, self.start + timedelta(minutes=self.duration_minutes))

    def is_today(self, at: datetime) -> bool:
        """Whether it is the day of the café where it is held, which lasts until the café is over."""
        return local_day(at, self.zone) >= self.day and not self.is_over(at)

    def refuse_if_gone(self, at: datetime) -> None:
        """Raises GatheringIsCancelled, GatheringIsOver."""
        if self.cancelled:
            raise GatheringIsCancelled()
        if self.is_over(at):
            raise GatheringIsOver()

    def refuse_unless_check_in_is_open(self, at: datetime) -> None:
        """Raises GatheringIsCancelled, CheckInClosed."""
        if self.cancelled:
            raise GatheringIsCancelled()
        if not self.check_in.holds(at):
            raise CheckInClosed()

    def refuse_unless_names_are_taken(self, at: datetime) -> None:
        """Raises GatheringIsCancelled, GatheringIsOver, NamesNotTaken."""
        self.refuse_if_gone(at)
        if self.planned_by is None:
            raise NamesNotTaken()

    def change(self, plan: Plan, reason: str | None, by: UUID, at: datetime) -> bool:
        """Take a new plan. Returns whether it moved (time or place), of which people must hear; that needs a reason.

        Whoever changes a café that nobody plans any more becomes its planner.
        Raises GatheringIsCancelled, GatheringIsOver, GatheringWasHeld, ReasonNeeded and what Plan.check raises.
        """
        self.refuse_if_gone(at)
        if self.head_count is not None:
            raise GatheringWasHeld()
        plan.check(at)
        rescheduled = (plan.starts, plan.zone) != (self.starts, self.zone)
        moved = rescheduled or plan.place != self.place
        if moved:
            if reason is None:
                raise ReasonNeeded()
            self.reason = reason
            self.revision += 1
        if rescheduled:
            self.previous_starts = self.starts
        for name, value in asdict(plan).items():
            setattr(self, name, value)
        self.planned_by = self.planned_by or by
        self._next_version(at)
        return moved

    def cancel(self, reason: str, at: datetime) -> bool:
        """Call it off. Returns False when it was cancelled for this reason before.

        Raises GatheringIsCancelled (for another reason), GatheringIsOver, GatheringWasHeld.
        """
        if self.cancelled and self.reason == reason:
            return False
        self.refuse_if_gone(at)
        if self.head_count is not None:
            raise GatheringWasHeld()
        self.cancelled = True
        self.reason = reason
        self.revision += 1
        self._next_version(at)
        return True

    def count_heads(self, members: int, at: datetime) -> bool:
        """Record how many members came; also afterwards, and again. Returns whether that is news.

        Raises GatheringIsCancelled, GatheringNotYet.
        """
        if self.cancelled:
            raise GatheringIsCancelled()
        if at < self.check_in.opens:
            raise GatheringNotYet()
        if self.head_count == members:
            return False
        self.head_count = members
        self._next_version(at)
        return True

    def take_back(self, told: GatheringRecorded, home: str, at: datetime) -> None:
        """After a restore: take what a newer record of this café says, as far as a record says it.

        One that is erased there isn't taken: see use_cases.restoring.
        Where the restored plan says another day it stays, and is to be told again.
        """
        if told.version <= self.version:
            return
        self.version = told.version
        self.cancelled = self.cancelled or told.cancelled
        self.head_count = self.head_count if told.head_count is None else told.head_count
        if self.recorded(home) != told:
            self._next_version(at)

    def recorded(self, home: str) -> GatheringRecorded:
        """What other services are told: a head count, a community, a day."""
        return GatheringRecorded(
            id=self.id,
            home=home,
            version=self.version,
            community_id=self.community_id,
            day=self.day,
            cancelled=self.cancelled,
            head_count=self.head_count,
        )

    def _next_version(self, at: datetime) -> None:
        self.version = next_version(self.version, midnight(at.date()))
