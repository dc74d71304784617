"""Who may invite whom, and which services are open to whom."""

from collections.abc import Collection
from uuid import UUID

AUDIENCES = {
    "identity": frozenset({"member", "consultant", "provider", "analyst", "operator"}),
    "forum": frozenset({"member", "consultant"}),
    "events": frozenset({"member", "consultant", "operator"}),  # operators make communities there
    "notifications": frozenset({"member", "consultant"}),
    "analytics": frozenset({"analyst", "operator"}),
}
NAMED_AUDIENCES = frozenset({"forum", "events"})  # where a peer consultant works under the open name
PUBLIC_CLIENTS = frozenset({"cli", "app"})
WEB_CLIENT = "web"


def may_enter(role: str, audience: str) -> bool:
    """Whether a role gets tokens for an audience at all."""
    return role in AUDIENCES.get(audience, frozenset())


def may_invite(role: str, own: Collection[UUID], invited: str, communities: Collection[UUID]) -> bool:
    """Consultants and providers invite members to their own communities, operators invite anybody anywhere."""
    if role == "operator":
        return True
    return role in ("consultant", "provider") and invited == "member" and set(communities) <= set(own)


def one_consultant(role: str, count: int) -> bool:
    """Whether an invitation may say which account elsewhere is the same person's: a consultant's, and one at a time."""
    return role == "consultant" and count == 1


def communities_fit(role: str, communities: Collection[UUID]) -> bool:
    """A member or provider has one community, a consultant one or several, an analyst or operator none."""
    match role:
        case "member" | "provider":
            return len(communities) == 1
        case "consultant":
            return len(communities) >= 1
        case _:
            return not communities
