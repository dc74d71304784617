"""Who keeps a plain name when two look alike: after a cut, or when a consultant comes later."""

from collections.abc import Iterable
from uuid import UUID


def marked(profiles: Iterable[tuple[UUID, str | None]]) -> set[UUID]:
    """Of profiles (id, skeleton of the name; None once erased) those that bear the neutral mark.

    The smallest id of equal skeletons stays plain: chance, which every region computes alike. When its owner renames or
    leaves, the next one is plain.
    """
    plain: dict[str, UUID] = {}
    named = [(profile, skeleton) for profile, skeleton in profiles if skeleton is not None]
    for profile, skeleton in named:
        plain[skeleton] = min(profile, plain.get(skeleton, profile))
    return {profile for profile, skeleton in named if plain[skeleton] != profile}
