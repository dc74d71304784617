"""How much a run tried: suites count here, and the run's last lines say it (tests/conftest.py).

    tried.count("faults", "kills", 200)     # adds to what this suite has counted under that name
    tried.count("faults", "kills")          # one more

Counts stand in the order in which they were first counted. A test counts when it has checked, not before: what failed
isn't told as tried.
"""

from collections.abc import Iterator, Mapping

_counts: dict[str, dict[str, int]] = {}


def count(suite: str, what: str, by: int = 1) -> None:
    """Add `by` to what `suite` has tried of `what` (a plural: "kills", "fuzzed calls")."""
    counted = _counts.setdefault(suite, {})
    counted[what] = counted.get(what, 0) + by


def counted() -> dict[str, dict[str, int]]:
    """Suite → what → how often, so far."""
    return _counts


def add(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Add what another process of this run has counted."""
    for suite, numbers in counts.items():
        for what, number in numbers.items():
            count(suite, what, number)


def lines() -> Iterator[str]:
    """One line per suite: "faults: 200 kills, 3 floods"."""
    for suite in sorted(_counts):
        yield f"{suite}: " + ", ".join(f"{number:,} {what}" for what, number in _counts[suite].items())
