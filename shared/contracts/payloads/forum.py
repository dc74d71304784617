"""States of the shared forum (`shared.forum.*`). Content fields are None once erased."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.payloads.payload import State

Nonce = str  # 16 bytes as 32 hexadecimal digits; ids commit to their home through it
Wish = Literal["listen", "experiences", "advice"]
ReactionKind = Literal["thanks", "recognise", "thinking"]
ReportCategory = Literal["worry", "identifies", "unkind", "other"]
NONCE = Field(pattern=r"^[0-9a-f]{32}$")


class ProfilePresented(State):
    """A forum name and its drawn mark.

    `community`: only while its member shows it. `same_as`: a peer consultant's profile in another region.
    """

    type: ClassVar[str] = "peercafe.forum.profile.presented.v1"
    id: UUID
    nonce: Nonce = NONCE
    role: Literal["member", "consultant"]
    name: str | None = None
    mark: int | None = Field(default=None, ge=0, lt=2**31)
    community: str | None = None
    same_as: UUID | None = None


class ThreadOpened(State):
    """A thread's title and wish; its opening text is its first post."""

    type: ClassVar[str] = "peercafe.forum.thread.opened.v1"
    id: UUID
    nonce: Nonce = NONCE
    author_id: UUID
    author_nonce: Nonce = NONCE
    title: str | None = None
    wish: Wish | None = None


class PostPublished(State):
    """A post: an opening or a reply, CommonMark source.

    `written` is its first version, which an edit keeps: where the post stands among its thread's.
    """

    type: ClassVar[str] = "peercafe.forum.post.published.v1"
    id: UUID
    nonce: Nonce = NONCE
    author_id: UUID
    author_nonce: Nonce = NONCE
    thread_id: UUID
    written: int | None = None
    opening: bool
    body: str | None = None
    edited: bool = False


class ReactionGiven(State):
    """One of three reactions to a post; taken back = erased."""

    type: ClassVar[str] = "peercafe.forum.reaction.given.v1"
    id: UUID
    nonce: Nonce = NONCE
    author_id: UUID
    author_nonce: Nonce = NONCE
    post_id: UUID
    kind: ReactionKind | None = None


class Hide(BaseModel):
    """One decision to hide, with the reason the author is told."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    reason: str


class ModerationDecided(State):
    """All that one region decided about one target: hidden while any hide isn't lifted.

    `id` is "<target id>:<region>"; `lifts` names hides of any region.
    """

    type: ClassVar[str] = "peercafe.forum.moderation.decided.v1"
    id: str
    target_id: UUID
    target_kind: Literal["post", "thread"]
    hides: tuple[Hide, ...] = ()
    lifts: tuple[UUID, ...] = ()


class ErasureRequested(State):
    """What a region erased for one leaving member; other regions answer with `acknowledged`.

    `id` is "<erasure id>:<region>".
    """

    type: ClassVar[str] = "peercafe.forum.erasure.requested.v1"
    id: str
    erasure_id: UUID
    profiles: tuple[UUID, ...] = ()
    threads: tuple[UUID, ...] = ()
    posts: tuple[UUID, ...] = ()
    reactions: tuple[UUID, ...] = ()
    acknowledged: bool = False


class PostReported(State):
    """That somebody told a peer consultant about a post: for those at its writer's home. Never who, never in words.

    `home`: where it was told.
    """

    type: ClassVar[str] = "peercafe.forum.post.reported.v1"
    id: UUID
    nonce: Nonce = NONCE
    post_id: UUID
    category: ReportCategory | None = None


class DigestSummed(State):
    """What one region has of one bucket of one home's entities of a kind, as a sum.

    `id` is "<region>:<about>:<kind>:<bucket>", `home` the region that summed up, `about` the home of what it summed up:
    entities with versions below `until`.
    """

    type: ClassVar[str] = "peercafe.forum.digest.summed.v1"
    id: str
    about: str
    kind: str
    bucket: int
    until: int
    sum: str = Field(pattern=r"^[0-9a-f]{16}$")
