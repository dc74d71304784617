"""Bodies of analytics' HTTP API."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.analytics import models
from services.analytics.models import Status, Study
from shared.api.text import Line
from shared.contracts.payloads.identity import Source


class NewStudy(BaseModel):
    """A proposal. `fields` are figures by name, all of its sources' when left out; `ends_on` is its last day."""

    model_config = ConfigDict(extra="forbid")

    title: Line
    communities: Annotated[list[UUID], Field(min_length=1, max_length=50)]
    fields: Annotated[list[models.Field], Field(min_length=1)] | None = None
    sources: Annotated[list[Source], Field(min_length=1)] = list(models.SOURCES)
    ends_on: date

    def wanted(self) -> list[models.Field]:
        """The fields named, or all that the sources have."""
        if self.fields is not None:
            return self.fields
        return [field for field in models.FIELDS if models.SOURCE_OF[field] in self.sources]


class StudyShown(BaseModel):
    """A study to its analyst and to operators."""

    id: UUID
    title: str
    communities: list[UUID]
    fields: list[models.Field]
    sources: list[Source]
    status: Status
    proposed_on: date
    opened_on: date | None
    ends_on: date
    closed_on: date | None

    @staticmethod
    def of(study: Study) -> "StudyShown":
        return StudyShown.model_validate(study, from_attributes=True)


class FiguresShown(BaseModel):
    """The study's table; None for a figure that the study doesn't have, or that may not be published."""

    members: int | None
    posts: int | None
    views: int | None
    members_who_viewed: int | None
    members_who_wrote: int | None
    cafes: int | None
    cafes_by_community: list[int | None]
    members_who_came: int | None
    smallest_cafe: int | None
    largest_cafe: int | None

    @staticmethod
    def of_fields(figures: dict[str, Any], fields: list[models.Field]) -> "FiguresShown":
        """Research level: the figures that the study was approved for."""
        shown = {name: value if name in fields else None for name, value in figures.items()}
        if shown["cafes_by_community"] is None:
            shown["cafes_by_community"] = [None] * len(figures["cafes_by_community"])
        return FiguresShown(**shown)


class RowShown(BaseModel):
    """One study alias: how often it did what on which day. Nothing of another source is known of it."""

    id: UUID
    source: Source
    days: dict[date, dict[str, int]]


class JourneysShown(BaseModel):
    """Members per path between forum and cafés, counted once at closing."""

    counts: dict[str, int]
