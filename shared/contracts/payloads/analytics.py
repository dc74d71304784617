"""Studies, their rows (research level) and what is published of them."""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.payloads.identity import Source
from shared.contracts.payloads.payload import State


class StudyRecorded(State):
    """A study from its approval (`opened_at`) to its closing."""

    type: ClassVar[str] = "peercafe.analytics.study.recorded.v1"
    id: UUID
    communities: tuple[UUID, ...] = ()
    sources: tuple[Source, ...] = ()
    status: Literal["open", "closed"] = "open"
    opened_at: datetime | None = None
    closed_at: datetime | None = None


class ResearchRow(State):
    """All acts of one study alias: per day, how many of each kind."""

    type: ClassVar[str] = "peercafe.analytics.research-row.recorded.v1"
    id: UUID
    study_id: UUID
    source: Source
    days: dict[date, dict[str, int]] = Field(default={})


class SummaryPublished(State):
    """One published figure; `value` is None where it was suppressed. `id` is "region:study:period:metric"."""

    type: ClassVar[str] = "peercafe.analytics.summary.published.v1"
    id: str
    study_id: UUID
    period: str
    metric: str
    value: int | None = None
