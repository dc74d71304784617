"""The comparison of digests: what is on its way isn't missed, what is missing is repaired, and nothing goes round for ever."""

import random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.forum.rules.digests import (
    DIFFERENCES,
    LATE_MS,
    REPAIRS,
    SNAPSHOTS,
    Comparison,
    Snapshot,
    Step,
    Verdict,
    judge,
    sum_of,
)

MINUTE = 60_000
QUIET = 2 * MINUTE
STATES = st.lists(
    st.tuples(st.uuids(), st.integers(0, 2**63 - 1)), min_size=1, max_size=20, unique_by=lambda s: s[0]
)


@given(STATES, st.randoms(use_true_random=False))
def test_a_sum_knows_no_order_and_misses_nothing(
    states: list[tuple[UUID, int]], chance: random.Random
) -> None:
    shuffled = [*states]
    chance.shuffle(shuffled)
    assert sum_of(states) == sum_of(shuffled)
    assert sum_of(states) != sum_of(states[1:])
    id_, version = states[0]
    assert sum_of(states) != sum_of([(id_, version ^ 1), *states[1:]])
    assert 0 <= sum_of(states) < 2**64


VERDICTS = st.lists(st.sampled_from(Verdict), max_size=60)


@given(VERDICTS)
def test_at_most_three_repairs_and_one_alarm_until_they_agree(verdicts: list[Verdict]) -> None:
    comparison, repairs, alarms, differences = Comparison(), 0, 0, 0
    for verdict in verdicts:
        comparison, step = comparison.after(verdict)
        if verdict is Verdict.SAME:
            repairs = alarms = differences = 0
            assert (comparison, step) == (Comparison(), Step.NOTHING)
        differences += verdict is Verdict.DIFFERENT
        repairs += step is Step.REPAIR
        alarms += step is Step.ALARM
        assert repairs == min(differences // DIFFERENCES, REPAIRS)
        assert alarms == (differences >= DIFFERENCES * (REPAIRS + 1))
        assert comparison.alarmed is bool(alarms)


SUMS = st.lists(st.integers(0, 5), min_size=1, max_size=SNAPSHOTS, unique=True)


@given(SUMS, st.integers(0, 9), st.integers(0, 30))
def test_what_we_have_now_is_the_same_and_what_we_had_lately_is_on_its_way(
    sums: list[int], theirs: int, minutes: int
) -> None:
    ours = [Snapshot(at * MINUTE, sum_) for at, sum_ in enumerate(sums)]
    at = ours[-1].at_ms + minutes * MINUTE
    verdict = judge(ours, theirs, at, QUIET)
    if theirs == sums[-1]:
        assert verdict is Verdict.SAME
    elif theirs in sums:
        assert (verdict is Verdict.DIFFERENT) is (minutes * MINUTE > LATE_MS)
    else:
        assert (verdict is Verdict.DIFFERENT) is (minutes * MINUTE >= QUIET)


def test_a_digest_from_before_all_we_remember_tells_nothing() -> None:
    ours = [Snapshot(60 * MINUTE, 1), Snapshot(61 * MINUTE, 2)]
    assert judge(ours, 7, 59 * MINUTE, QUIET) is Verdict.BEHIND
