"""What the forum's API takes and gives. Bodies take no field they don't name."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.api.text import Line, Text
from shared.contracts.payloads.forum import ReactionKind, ReportCategory, Wish

Title = Annotated[Line, StringConstraints(max_length=120)]
Reason = Annotated[Line, StringConstraints(max_length=200)]


class Given(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid")


class NameChosen(Given):
    name: Line


class NameMaybeChosen(Given):
    """A peer consultant sends no name: theirs is the one chosen at joining."""

    name: Line | None = None


class NewThread(Given):
    title: Title
    wish: Wish
    body: Text


class NewPost(Given):
    body: Text


class ReadMark(Given):
    """What an answer has shown: the ids of its posts, or the last one of all pages so far (`upto`)."""

    shown: Annotated[list[UUID], Field(max_length=100)] = []
    upto: UUID | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ReadMark":
        if not self.shown and self.upto is None:
            raise ValueError("Say which posts were shown: `shown` or `upto`.")
        return self


class NewHide(Given):
    reason: Reason


class NewReport(Given):
    category: ReportCategory


class NewSanction(Given):
    """`category` is all that another region hears; the reason is for the member alone."""

    category: ReportCategory
    reason: Reason
    days: Annotated[int, Field(ge=1, le=90)]


class ProfileShown(BaseModel):
    """`look_alike`: an older name looks like this one, so this one bears a neutral mark everywhere.

    `community` and `region` are told of members who show them, of nobody else.
    """

    id: UUID
    name: str | None
    mark: int | None
    role: Literal["member", "consultant"] | None
    look_alike: bool
    community: str | None
    region: str | None


class Pause(BaseModel):
    """Nothing can be written until then; told to its member alone."""

    until: datetime
    reason: str


class OwnProfileShown(ProfileShown):
    paused: Pause | None


class NameLooked(BaseModel):
    free: bool


class ReactionShown(BaseModel):
    any: bool
    mine: bool


class PostShown(BaseModel):
    """`body` (the source) is the writer's own to see; `new`: no earlier answer contained it."""

    id: UUID
    thread_id: UUID
    opening: bool
    author: ProfileShown | None
    body_html: str | None
    body: str | None
    written_at: datetime
    edited: bool
    removed: bool
    hidden: bool
    hidden_reason: str | None
    mine: bool
    new: bool
    reactions: dict[ReactionKind, ReactionShown]


class ThreadShown(BaseModel):
    id: UUID
    title: str | None
    wish: Wish | None
    author: ProfileShown | None
    replies: int
    answered: bool
    last_activity: datetime | None
    watching: bool
    mine: bool
    removed: bool
    hidden: bool


class ThreadListed(ThreadShown):
    unread: bool


class ThreadList(BaseModel):
    items: list[ThreadListed]
    next: UUID | None


class ThreadRead(ThreadShown):
    """A thread and a page of its posts in order; `next` goes into `after`."""

    hidden_reason: str | None = None
    posts: list[PostShown]
    next: UUID | None


class NewsItem(BaseModel):
    """`after` goes into the thread's `after`: the page that follows starts with what is new."""

    kind: Literal["reply", "hidden", "restored", "paused", "pause-lifted", "told"]
    thread_id: UUID | None
    title: str | None
    post_id: UUID | None
    after: UUID | None
    reason: str | None


class News(BaseModel):
    items: list[NewsItem]


class FoundItem(BaseModel):
    id: UUID
    thread_id: UUID
    post_id: UUID | None
    after: UUID | None
    title: str | None
    excerpt: str | None
    written_at: datetime | None


class Found(BaseModel):
    items: list[FoundItem]
    next: UUID | None


class HideMade(BaseModel):
    id: UUID


class ReportShown(BaseModel):
    """A post that peer consultants were told of, as it was then (`kept_html`); `upto` goes into closing.

    `after` goes into the thread's `after`: the page that follows has the post.
    """

    post_id: UUID
    thread_id: UUID
    after: UUID | None
    upto: UUID
    title: str | None
    author: ProfileShown | None
    categories: list[ReportCategory]
    kept_html: str | None
    changed: bool
    removed: bool
    hidden: bool


class ReportList(BaseModel):
    items: list[ReportShown]
    next: UUID | None


class SanctionShown(Pause):
    id: UUID
    author: ProfileShown


class SanctionList(BaseModel):
    items: list[SanctionShown]


class ErasureAsked(Given):
    erasure_id: UUID


class RegionsWord(BaseModel):
    """Another region, and the day on which it told us that it has erased (null: not yet)."""

    region: str
    confirmed_on: date | None


class ErasureElsewhere(BaseModel):
    """Empty where no other region had anything to erase."""

    regions: list[RegionsWord]
