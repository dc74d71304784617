"""Who asks, as the rules need them."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Visitor:
    """An alias with a role and the communities of the token."""

    alias: UUID
    role: str
    communities: frozenset[UUID]

    def is_of(self, community_id: UUID) -> bool:
        """Whether the community is theirs; what isn't, doesn't exist for them."""
        return community_id in self.communities

    @property
    def is_consultant(self) -> bool:
        return self.role == "consultant"
