"""Who keeps a plain name when two look alike: after a cut, or when a consultant comes later."""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from shared.contracts.payloads.forum import ProfilePresented


class Named(NamedTuple):
    """A profile: the skeleton of its name (None once erased), and whose it is (`person_of`)."""

    id: UUID
    skeleton: str | None
    person: tuple[str, UUID]


def person_of(profile: ProfilePresented, muted: Collection[str] = ()) -> tuple[str, UUID]:
    """Equal for the accounts that a peer consultant has in several regions: the later ones name the first.

    Nobody but a consultant shares a name, and none with a member. A muted region isn't believed.
    """
    if profile.same_as is None or profile.role != "consultant" or profile.home in muted:
        return profile.role, profile.id
    return profile.role, profile.same_as


def marked(profiles: Iterable[Named]) -> set[UUID]:
    """Those that bear the neutral mark.

    The smallest id of equal skeletons stays plain, with all accounts of that person: chance, which every region computes
    alike. When its owner renames or leaves, the next one is plain.
    """
    plain: dict[str, Named] = {}
    named = [(profile, profile.skeleton) for profile in profiles if profile.skeleton is not None]
    for profile, skeleton in named:
        plain[skeleton] = min(profile, plain.get(skeleton, profile))
    return {profile.id for profile, skeleton in named if plain[skeleton].person != profile.person}
