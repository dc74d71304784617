"""A participant: role, standing, research consent, and a consultant's open name."""

from datetime import date
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.identity.keys import Keys
from services.identity.models.base import Base
from services.identity.policy.names import skeleton

DISPLAY_NAME = "display name"
SAME_AS = "same as"


class Membership(Base):
    """That a participant belongs to, or serves, a community."""

    __tablename__ = "participant_communities"

    participant_id: Mapped[UUID] = mapped_column(ForeignKey("participants.id"), primary_key=True)
    community_id: Mapped[UUID] = mapped_column(primary_key=True)


class Participant(Base):
    """Somebody who joined. `status`: active, suspended (a sanction) or closed (told to leave)."""

    __tablename__ = "participants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    status: Mapped[str]
    research: Mapped[bool]
    display_name_sealed: Mapped[bytes | None]
    display_name_hash: Mapped[bytes | None]
    same_as_sealed: Mapped[bytes | None]
    joined_on: Mapped[date]
    memberships: Mapped[list[Membership]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @classmethod
    def join(
        cls,
        role: str,
        communities: list[UUID],
        *,
        research: bool,
        display_name: str | None,
        same_as: UUID | None = None,
        keys: Keys,
        on: date,
    ) -> Self:
        """A new, active participant. Research counts members only, so nobody else consents to it."""
        participant_id = uuid4()
        return cls(
            id=participant_id,
            role=role,
            status="active",
            research=research and role == "member",
            display_name_sealed=None
            if display_name is None
            else keys.seal(display_name.encode(), DISPLAY_NAME, participant_id),
            display_name_hash=None
            if display_name is None
            else keys.hash_of(DISPLAY_NAME, skeleton(display_name)),
            same_as_sealed=None if same_as is None else keys.seal(same_as.bytes, SAME_AS, participant_id),
            joined_on=on,
            memberships=[Membership(community_id=community) for community in communities],
        )

    @property
    def active(self) -> bool:
        return self.status == "active"

    @property
    def community_ids(self) -> list[UUID]:
        return sorted(membership.community_id for membership in self.memberships)

    def display_name(self, keys: Keys) -> str | None:
        """A consultant's open name; None for everybody else."""
        if self.display_name_sealed is None:
            return None
        return keys.open(self.display_name_sealed, DISPLAY_NAME, self.id).decode()

    def same_as(self, keys: Keys) -> UUID | None:
        """The forum profile that a consultant has in another region, where they have an account, too."""
        if self.same_as_sealed is None:
            return None
        return UUID(bytes=keys.open(self.same_as_sealed, SAME_AS, self.id))

    def decide_on_research(self, consent: bool) -> bool:
        """Record the present choice; True if that changed it. Only a member's is ever yes."""
        decided = consent and self.role == "member"
        changed = decided != self.research
        self.research = decided
        return changed
