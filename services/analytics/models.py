"""A study: proposed by an analyst, opened and closed by somebody else."""

from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, BigInteger, Date, DateTime, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.analytics.errors import (
    ApprovedBySomebodyElse,
    EndsInThePast,
    FieldWithoutSource,
    StudyNotStarted,
    WrongStatus,
)
from shared import hlc
from shared.contracts.payloads.analytics import StudyRecorded
from shared.contracts.payloads.identity import Source

Status = Literal["proposed", "open", "closing", "closed"]
Kind = Literal["member", "post", "view", "attendance"]
Field = Literal[
    "members",
    "posts",
    "views",
    "members_who_viewed",
    "members_who_wrote",
    "cafes",
    "cafes_by_community",
    "members_who_came",
    "smallest_cafe",
    "largest_cafe",
]
FIELDS: tuple[Field, ...] = get_args(Field)
SOURCES: tuple[Source, ...] = get_args(Source)

SOURCE_OF: dict[Field, Source] = {
    "members": "membership",
    "posts": "forum",
    "views": "forum",
    "members_who_viewed": "forum",
    "members_who_wrote": "forum",
    "cafes": "events",
    "cafes_by_community": "events",
    "members_who_came": "events",
    "smallest_cafe": "events",
    "largest_cafe": "events",
}
KIND_OF: dict[Field, Kind] = {
    "members": "member",
    "posts": "post",
    "members_who_wrote": "post",
    "views": "view",
    "members_who_viewed": "view",
    "members_who_came": "attendance",
}


class Base(DeclarativeBase):
    """Analytics' tables that have behaviour."""


class Study(Base):
    """What an analyst may learn of some communities, and until when.

    Its days are dates of the region. `opened_at` and `closed_at` are an operator's acts: identity needs the moments
    to tell which acts count.
    """

    __tablename__ = "studies"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    communities: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    fields: Mapped[list[Field]] = mapped_column(ARRAY(Text))
    sources: Mapped[list[Source]] = mapped_column(ARRAY(Text))
    status: Mapped[Status] = mapped_column(Text)
    analyst: Mapped[UUID] = mapped_column(Uuid)
    approved_by: Mapped[UUID | None] = mapped_column(Uuid)
    closed_by: Mapped[UUID | None] = mapped_column(Uuid)
    proposed_on: Mapped[date] = mapped_column(Date)
    opened_on: Mapped[date | None] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    closed_on: Mapped[date | None] = mapped_column(Date)
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int | None] = mapped_column(BigInteger)

    @classmethod
    def propose(
        cls,
        *,
        title: str,
        communities: list[UUID],
        fields: list[Field],
        sources: list[Source],
        ends_on: date,
        analyst: UUID,
        today: date,
    ) -> "Study":
        """Raises EndsInThePast, FieldWithoutSource."""
        if ends_on < today:
            raise EndsInThePast()
        if any(SOURCE_OF[field] not in sources for field in fields):
            raise FieldWithoutSource()
        return cls(
            id=uuid4(),
            title=title,
            communities=list(dict.fromkeys(communities)),
            fields=[field for field in FIELDS if field in fields],
            sources=[source for source in SOURCES if source in sources],
            status="proposed",
            analyst=analyst,
            proposed_on=today,
            ends_on=ends_on,
        )

    def refuse_approval(self, by: UUID, today: date) -> None:
        """Raises ApprovedBySomebodyElse, WrongStatus, EndsInThePast."""
        if by == self.analyst:
            raise ApprovedBySomebodyElse()
        if self.status != "proposed":
            raise WrongStatus("It was approved before.")
        if self.ends_on < today:
            raise EndsInThePast("Its end has passed. Please propose it again.")

    def approve(self, by: UUID, *, at: datetime, today: date) -> None:
        """Open it: acts count from now on. Raises what `refuse_approval` raises."""
        self.refuse_approval(by, today)
        self.status, self.approved_by = "open", by
        self.opened_at, self.opened_on = at, today
        self.version = hlc.next_version(None, at)

    def close(self, by: UUID | None, *, at: datetime, today: date) -> None:
        """Stop counting; `by` is None when its last day has passed. Raises ApprovedBySomebodyElse, WrongStatus."""
        if by == self.analyst:
            raise ApprovedBySomebodyElse()
        if self.status != "open":
            raise WrongStatus("Only an open study can be closed.")
        self.status, self.closed_by = "closing", by
        self.closed_at, self.closed_on = at, today
        self.version = hlc.next_version(self.version, at)

    def complete(self) -> None:
        """Everything counted has arrived: what may be published is made. Raises WrongStatus."""
        if self.status != "closing":
            raise WrongStatus("Only a study that is being closed can be completed.")
        self.status = "closed"

    def take_back(self, told: StudyRecorded, zone: ZoneInfo) -> None:
        """After a restore: take from a newer record that it was opened, closed or erased; by whom is lost.

        One that another restore had lost is closed unpublished: its enrolments have ended.
        """
        if told.version <= (self.version or 0):
            return
        if told.erased and self.opened_at is not None:
            self.version, self.status = told.version, "closed"
            self.closed_at = self.closed_at or hlc.time_of(told.version)
            self.closed_on = self.closed_on or min(self.closed_at.astimezone(zone).date(), self.ends_on)
        if told.opened_at is None:
            return
        self.version, self.opened_at = told.version, told.opened_at
        self.opened_on = told.opened_at.astimezone(zone).date()
        if told.closed_at is None:
            self.status = "open"
        else:
            self.closed_at = told.closed_at
            self.closed_on = min(told.closed_at.astimezone(zone).date(), self.ends_on)
            self.status = "closed" if self.status == "closed" else "closing"

    def must_have_started(self) -> None:
        """Raises StudyNotStarted."""
        if self.status == "proposed":
            raise StudyNotStarted()

    @property
    def since(self) -> date:
        """Its first day. Raises StudyNotStarted."""
        if self.opened_on is None:
            raise StudyNotStarted()
        return self.opened_on

    def recorded(self, home: str) -> StudyRecorded:
        """The study as other services may know it. Raises StudyNotStarted."""
        if self.opened_at is None or self.version is None:
            raise StudyNotStarted()
        return StudyRecorded(
            id=self.id,
            home=home,
            version=self.version,
            communities=tuple(self.communities),
            sources=tuple(self.sources),
            status="closed" if self.closed_at else "open",
            opened_at=self.opened_at,
            closed_at=self.closed_at,
        )
