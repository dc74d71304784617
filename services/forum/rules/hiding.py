"""What is hidden: from the whole decisions of all regions about one target, without clocks.

Each region's decision is its whole state: hides, each with an id, and the ids of hides that it lifts, of whatever
region. So a restore and a hide that crossed it can't be confused: it lifts what its consultant saw.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from shared.contracts.payloads.forum import Hide, ModerationDecided


def standing(
    decisions: Iterable[ModerationDecided], target_home: str, muted: Collection[str] = ()
) -> list[Hide]:
    """The hides that aren't lifted, the newest decision's first, in it the last made first.

    A hide is lifted by the region that made it, or by the target's home: from abroad it holds until consultants there
    decide. Of a muted region nothing counts.
    """
    heard = [decision for decision in decisions if decision.home not in muted]
    lifts = {decision.home: frozenset(decision.lifts) for decision in heard}
    at_home = lifts.get(target_home, frozenset())
    return [
        hide
        for decision in sorted(heard, key=lambda decision: (decision.version, decision.id), reverse=True)
        for hide in reversed(decision.hides)
        if hide.id not in at_home and hide.id not in lifts[decision.home]
    ]


def reason(
    decisions: Iterable[ModerationDecided], target_home: str, muted: Collection[str] = ()
) -> str | None:
    """Why the target is hidden, as its author is told; None when it isn't."""
    hides = standing(decisions, target_home, muted)
    return hides[0].reason if hides else None


def liftable(decisions: Iterable[tuple[str, Iterable[UUID]]], region: str, target_home: str) -> set[UUID]:
    """Of the hides (region, ids) those that a consultant of `region` lifts: its own; at the target's home all."""
    return {hide for home, hides in decisions if region in (home, target_home) for hide in hides}
