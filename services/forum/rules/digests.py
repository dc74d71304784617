"""Whether another region has all that we wrote: sums it publishes, compared with sums of ours.

Only a bucket's home compares, with its own last snapshots. A snapshot is made when the bucket's sum has changed, at most
one an interval. The other region's answer is one of: the same; behind (what we had a while ago: it is on its way); different.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

SUM_BITS = 64
SNAPSHOTS = 10  # that a home keeps of each bucket
LATE_MS = 10 * 60 * 1000  # what is still behind then isn't on its way any more
DIFFERENCES = 3  # without agreement between them, before a bucket is published again
REPAIRS = 3  # before we stop and call for an operator
REPAIRS_COUNT_FOR = timedelta(days=1)  # after the last of them


def sum_of(states: Iterable[tuple[UUID | str, int]]) -> int:
    """The digest of (id, version) pairs, in any order: 64 bits."""
    return sum(hash_of(id_, version) for id_, version in states) % (1 << SUM_BITS)


def hash_of(id_: UUID | str, version: int) -> int:
    """The first 8 bytes of SHA-256(id as text ‖ version, 8 bytes big-endian); what one entity adds to its bucket."""
    whole = hashlib.sha256(str(id_).encode() + version.to_bytes(8, "big", signed=True))
    return int.from_bytes(whole.digest()[: SUM_BITS // 8], "big")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of our own sums. `at_ms`: milliseconds since 1970 when it was first seen."""

    at_ms: int
    sum: int


class Verdict(Enum):
    """What one digest of another region says about one bucket of ours."""

    SAME = "same"
    BEHIND = "behind"  # on its way, or it can't be told: nothing follows
    DIFFERENT = "different"


def judge(snapshots: Sequence[Snapshot], digest: int, at_ms: int, quiet_ms: int) -> Verdict:
    """`snapshots`: ours, the newest last; `digest`: theirs, made at `at_ms` by their clock.

    `quiet_ms`: two of our intervals. While our bucket changes faster than we look, theirs may be a state that it had
    between two looks: that is told when it has been quiet for so long. A digest from before our oldest snapshot (after a
    cut all that were made meanwhile come) tells nothing either.
    """
    newest = snapshots[-1]
    if digest == newest.sum:
        return Verdict.SAME
    age = at_ms - newest.at_ms
    if any(digest == snapshot.sum for snapshot in snapshots):
        return Verdict.DIFFERENT if age > LATE_MS else Verdict.BEHIND
    if at_ms < snapshots[0].at_ms or age < quiet_ms:
        return Verdict.BEHIND
    return Verdict.DIFFERENT


class Step(Enum):
    """What the home does about it."""

    NOTHING = "nothing"
    REPAIR = "repair"  # publish the bucket again
    ALARM = "alarm"  # said once; nothing more is tried until they agree


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one bucket of ours stands in one other region.

    Repairs are counted until there was none for a day, by our own clock: whoever agrees in between isn't sent more of them.
    """

    differences: int = 0  # since they last agreed, or the last repair
    repairs: int = 0
    alarmed: bool = False
    last_repair_at: datetime | None = None

    def after(self, verdict: Verdict, at: datetime) -> tuple["Comparison", Step]:
        """Where it stands after one more digest, heard `at`, and what is to be done now."""
        if verdict is Verdict.SAME:
            return replace(self, differences=0, alarmed=False), Step.NOTHING
        if verdict is Verdict.BEHIND or self.alarmed:
            return self, Step.NOTHING
        if self.differences + 1 < DIFFERENCES:
            return replace(self, differences=self.differences + 1), Step.NOTHING
        is_counted = self.last_repair_at is not None and at - self.last_repair_at < REPAIRS_COUNT_FOR
        repairs = self.repairs if is_counted else 0
        if repairs < REPAIRS:
            return Comparison(repairs=repairs + 1, last_repair_at=at), Step.REPAIR
        return replace(self, differences=DIFFERENCES, alarmed=True), Step.ALARM
