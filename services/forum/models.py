"""What this region's consultants and members may change, as objects whose methods refuse. Hot paths don't use them."""

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.forum.errors import PostNotFound, PostRemoved, ProfileNeeded
from services.forum.ids import Home, Identity
from services.forum.rendering import render
from shared.api.callers import AccountClosed
from shared.contracts.payloads.forum import (
    ErasureRequested,
    Hide,
    ModerationDecided,
    PostPublished,
    PostReported,
    ProfilePresented,
    ReactionGiven,
    ReactionKind,
    ReportCategory,
    ThreadOpened,
    Wish,
)

PROJECTION = 2  # how columns are filled from a record; raised when a record tells more than it did


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {
        datetime: DateTime(timezone=True),
        str: Text(),
        UUID: Uuid(),
    }


class Replicated:
    """What every row of the shared forum has (DESIGN §4)."""

    home: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    erased: Mapped[bool] = mapped_column(default=False)
    received: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    projection: Mapped[int] = mapped_column(SmallInteger, default=PROJECTION)
    # Of posts and threads the moment from which they stand for others, maybe in the future (`Home.stands_from`).
    arrived_at: Mapped[datetime]
    read_back: Mapped[int | None] = mapped_column(BigInteger)

    def rewrite(self, home: Home) -> None:
        """This region has changed its row: the next version, and no longer as it may once have been received."""
        self.version = home.version_after(self.version)
        self.received = None

    def erase(self, home: Home) -> None:
        """The last state, without content."""
        self.erased = True
        self.rewrite(home)


class Authored(Replicated):
    """A row that somebody wrote."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[bytes]
    author_id: Mapped[UUID]
    author_nonce: Mapped[bytes]

    def stands_for(self, member: "Member | None", home: Home) -> bool:
        """Whether it is there for somebody: one's own at once, others' some time after it was written."""
        is_own = member is not None and member.profile_id == self.author_id
        return is_own or self.arrived_at <= home.standing()

    def require_author(self, profile_id: UUID) -> None:
        """Raises PostNotFound: what is somebody else's answers like what doesn't exist."""
        if self.author_id != profile_id:
            raise PostNotFound()


class Profile(Replicated, Base):
    """A forum name and its drawn mark; the community, while its member shows it.

    `same_as`: the profile that a peer consultant has in another region.
    """

    __tablename__ = "profiles"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[bytes]
    role: Mapped[str]
    name: Mapped[str | None]
    skeleton: Mapped[str | None]
    mark: Mapped[int | None]
    community: Mapped[str | None]
    same_as: Mapped[UUID | None]

    def erase(self, home: Home) -> None:
        """Without name, mark and community; the id stays, because others' records name it."""
        self.name = self.skeleton = self.mark = self.community = self.same_as = None
        super().erase(home)

    def record(self) -> ProfilePresented:
        """The whole state, as published."""
        return ProfilePresented(
            id=self.id, home=self.home, version=self.version, erased=self.erased, nonce=self.nonce.hex(),
            role="consultant" if self.role == "consultant" else "member", name=self.name, mark=self.mark,
            community=self.community, same_as=self.same_as,
        )  # fmt: skip


class Thread(Authored, Base):
    """A title and a wish; the opening text is the first post."""

    __tablename__ = "threads"
    title: Mapped[str | None]
    wish: Mapped[Wish | None] = mapped_column(Text)

    def erase(self, home: Home) -> None:
        self.title = self.wish = None
        super().erase(home)

    def record(self) -> ThreadOpened:
        """The whole state, as published."""
        return ThreadOpened(
            id=self.id, home=self.home, version=self.version, erased=self.erased, nonce=self.nonce.hex(),
            author_id=self.author_id, author_nonce=self.author_nonce.hex(), title=self.title, wish=self.wish,
        )  # fmt: skip


class Post(Authored, Base):
    """An opening or a reply."""

    __tablename__ = "posts"
    thread_id: Mapped[UUID]
    written: Mapped[int] = mapped_column(BigInteger)
    opening: Mapped[bool]
    edited: Mapped[bool] = mapped_column(default=False)
    body: Mapped[str | None]
    body_html: Mapped[str | None]

    def edit(self, body: str, home: Home) -> None:
        """Replaces the text for good; it stays where it stands. Raises PostRemoved."""
        if self.erased:
            raise PostRemoved()
        if body != self.body:
            self.body, self.body_html, self.edited = body, render(body), True
            self.rewrite(home)

    def erase(self, home: Home) -> None:
        self.body = self.body_html = None
        super().erase(home)

    def record(self) -> PostPublished:
        """The whole state, as published."""
        return PostPublished(
            id=self.id, home=self.home, version=self.version, erased=self.erased, nonce=self.nonce.hex(),
            author_id=self.author_id, author_nonce=self.author_nonce.hex(), thread_id=self.thread_id,
            written=self.written, opening=self.opening, body=self.body, edited=self.edited,
        )  # fmt: skip


class Reaction(Authored, Base):
    """One of three; taken back = erased, given again = a new one."""

    __tablename__ = "reactions"
    post_id: Mapped[UUID]
    kind: Mapped[ReactionKind | None] = mapped_column(Text)

    def erase(self, home: Home) -> None:
        self.kind = None
        super().erase(home)

    def record(self) -> ReactionGiven:
        """The whole state, as published."""
        return ReactionGiven(
            id=self.id, home=self.home, version=self.version, erased=self.erased, nonce=self.nonce.hex(),
            author_id=self.author_id, author_nonce=self.author_nonce.hex(), post_id=self.post_id, kind=self.kind,
        )  # fmt: skip


class Moderation(Replicated, Base):
    """What this region decides about one post or thread: at most one hide of its own, and the others' that it lifts.

    Of what no longer counts nothing is kept: a decision that grew with each hide could one day not be told any more.
    """

    __tablename__ = "moderation"
    id: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[UUID]
    target_kind: Mapped[str]
    hide_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    hide_reasons: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    lifts: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))

    def hide(self, hide_id: UUID, reason: str, home: Home) -> None:
        """The target stays hidden until this is lifted; whatever this region hid before has been."""
        self.lifts = sorted({*self.lifts} - {*self.hide_ids})
        self.hide_ids, self.hide_reasons = [hide_id], [reason]
        self.rewrite(home)

    def lift(self, hide_ids: Collection[UUID], home: Home) -> None:
        """Lifts these hides: all that there are now of the regions whose hides it may lift. Its own it takes back."""
        self.lifts = sorted({*hide_ids} - {*self.hide_ids})
        kept = [(i, r) for i, r in zip(self.hide_ids, self.hide_reasons, strict=True) if i not in hide_ids]
        self.hide_ids, self.hide_reasons = [i for i, _ in kept], [r for _, r in kept]
        self.rewrite(home)

    def record(self) -> ModerationDecided:
        """The whole state, as published."""
        hides = tuple(Hide(id=i, reason=r) for i, r in zip(self.hide_ids, self.hide_reasons, strict=True))
        return ModerationDecided(
            id=self.id, home=self.home, version=self.version, target_id=self.target_id,
            target_kind="thread" if self.target_kind == "thread" else "post", hides=hides, lifts=tuple(self.lifts),
        )  # fmt: skip


class Report(Replicated, Base):
    """That a post was told of, for the peer consultants at its writer's home."""

    __tablename__ = "reports"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[bytes]
    post_id: Mapped[UUID]
    category: Mapped[ReportCategory | None] = mapped_column(Text)

    def record(self) -> PostReported:
        """The whole state, as published."""
        return PostReported(
            id=self.id, home=self.home, version=self.version, erased=self.erased, nonce=self.nonce.hex(),
            post_id=self.post_id, category=self.category,
        )  # fmt: skip


class Erasure(Replicated, Base):
    """What a region erased for one leaving member, or that it erased what another asked for."""

    __tablename__ = "erasures"
    id: Mapped[str] = mapped_column(primary_key=True)
    erasure_id: Mapped[UUID]
    profiles: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    threads: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    posts: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    reactions: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    acknowledged: Mapped[bool]
    answered: Mapped[bool] = mapped_column(default=False)  # nothing is to be said here any more

    def record(self) -> ErasureRequested:
        """The whole state, as published."""
        return ErasureRequested(
            id=self.id, home=self.home, version=self.version, erased=self.erased, erasure_id=self.erasure_id,
            profiles=tuple(self.profiles), threads=tuple(self.threads), posts=tuple(self.posts),
            reactions=tuple(self.reactions), acknowledged=self.acknowledged,
        )  # fmt: skip


class Member(Base):
    """An alias of this region, which never leaves it, and the profile it writes as."""

    __tablename__ = "members"
    alias: Mapped[UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[UUID | None]
    role: Mapped[str | None]
    closed: Mapped[bool] = mapped_column(default=False)
    erased: Mapped[bool] = mapped_column(default=False)
    erasure_id: Mapped[UUID | None]
    erasing_since: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    version: Mapped[int | None] = mapped_column(BigInteger)

    def require_open(self) -> Self:
        """Raises AccountClosed, whatever the token says."""
        if self.closed or self.erased:
            raise AccountClosed()
        return self

    def writes_as(self) -> UUID:
        """The profile's id. Raises AccountClosed, ProfileNeeded."""
        self.require_open()
        if self.profile_id is None:
            raise ProfileNeeded()
        return self.profile_id


def authored_by(
    home: Home, identity: Identity, version: int, author: Identity, at: datetime
) -> dict[str, object]:
    """The columns that every newly written row has."""
    return {
        "id": identity.id, "nonce": identity.nonce, "home": home.region, "version": version, "erased": False,
        "projection": PROJECTION, "arrived_at": at, "author_id": author.id, "author_nonce": author.nonce,
    }  # fmt: skip
