"""What goes in and out over HTTP. Wall times are local, `YYYY-MM-DDTHH:MM`, beside an IANA zone."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.events.models.answers import Wish
from services.events.models.gatherings import Plan
from services.events.policy.wall_time import LONGEST, Repeat
from shared.api.text import Line, Text

Details = Annotated[Text, StringConstraints(max_length=2_000)]


def _exists(wall_time: str) -> str:
    datetime.fromisoformat(wall_time)
    return wall_time


WallTime = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"),
    AfterValidator(_exists),
    Field(examples=["2026-03-10T18:00"]),
]
ForYouKind = Literal["new", "moved", "cancelled", "place-free"]


def _or_none(value: object) -> object:
    """An empty field of a form says nothing."""
    return None if isinstance(value, str) and not value.strip() else value


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=20_000)


class NewCommunity(_Asked):
    """A place where people meet."""

    name: Line
    area: Line


class CommunityOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    area: str
    open: bool


class Communities(BaseModel):
    items: list[CommunityOut]


class _Planned(_Asked):
    title: Line | None = None
    starts: WallTime
    zone: Annotated[str, StringConstraints(max_length=64)]
    duration_minutes: int = Field(default=120, ge=15, le=LONGEST // timedelta(minutes=1))
    area: Line
    way_there: Details
    toilet: Details
    step_free: bool
    met_by: Line
    place: Details
    capacity: int | None = Field(default=None, ge=1, le=500)
    prompt_thread: UUID | None = None
    prompt_text: Text | None = None

    def plan(self) -> Plan:
        """The plan in the domain's terms."""
        return Plan(
            starts=datetime.fromisoformat(self.starts),
            **self.model_dump(exclude={"starts", "community_id", "monthly_times", "repeat", "reason"}),
        )


class NewCafe(_Planned):
    """A café, or a series of them a month apart: on the same weekday of the month, or on the same date."""

    community_id: UUID
    monthly_times: int = Field(default=1, ge=1, le=24)
    repeat: Repeat = "weekday"


class ChangedCafe(_Planned):
    """The whole new plan; a new day, time or place needs a reason."""

    reason: Annotated[Line | None, BeforeValidator(_or_none)] = None


class Cancellation(_Asked):
    reason: Line


class Series(BaseModel):
    """The cafés that were planned, by day."""

    ids: list[UUID]


class GatheringItem(BaseModel):
    """A café in a list. `today` lasts until it is over, past midnight too; `head_count` is for consultants."""

    id: UUID
    community_id: UUID
    community_name: str
    title: str | None
    starts: str
    zone: str
    duration_minutes: int
    area: str
    step_free: bool
    cancelled: bool
    moved_from: str | None
    reason: str | None
    answer: Wish | None
    waiting: bool
    checked_in: bool
    has_prompt: bool
    today: bool
    over: bool
    check_in_open: bool
    head_count: int | None


class GatheringPage(GatheringItem):
    """A café's own page. `place` is None until one comes, or maybe."""

    way_there: str
    toilet: str
    met_by: str
    place: str | None
    capacity: int | None
    full: bool
    waiting_position: int | None
    prompt_thread: UUID | None
    prompt_text: str | None
    called: str | None
    takes_names: bool
    planned_by_me: bool


class SaidAnswer(_Asked):
    answer: Wish


class AnswerOut(BaseModel):
    """`waiting`: on the waiting list; who gets a place is told."""

    answer: Wish
    waiting: bool


class Counts(BaseModel):
    """How many, never who."""

    come: int
    maybe: int
    waiting: int


class NameToBeCalled(_Asked):
    name: Annotated[Line, StringConstraints(max_length=60)]


class Names(BaseModel):
    """In random order."""

    names: list[str]


class Code(BaseModel):
    """The code of the day; both times are local, in the café's zone."""

    code: str
    good_from: str
    good_until: str
    zone: str


class TypedCode(_Asked):
    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class HeadCount(_Asked):
    """How many members came."""

    members: int = Field(ge=0, le=1_000)


class ForYouItem(BaseModel):
    kind: ForYouKind
    cafe: GatheringItem


class ForYou(BaseModel):
    items: list[ForYouItem]


class ExportedCafe(BaseModel):
    gathering_id: UUID
    community: str
    starts: str


class ExportedAnswer(ExportedCafe):
    answer: Wish
    waiting: bool


class ExportedName(BaseModel):
    gathering_id: UUID
    name: str


class Export(BaseModel):
    """All that events keeps about one person."""

    answers: list[ExportedAnswer]
    check_ins: list[ExportedCafe]
    names_left: list[ExportedName]
    planned: list[ExportedCafe]
