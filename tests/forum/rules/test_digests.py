"""The comparison of digests: what is on its way isn't missed, what is missing is repaired, and nothing goes round for ever."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.forum.rules.digests import (
    DIFFERENCES,
    LATE_MS,
    REPAIRS,
    REPAIRS_COUNT_FOR,
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


BEGAN = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
HISTORIES = st.lists(
    st.tuples(st.sampled_from(Verdict), st.sampled_from([0, 5, 60, 600, 1440]).map(lambda m: timedelta(minutes=m))),
    max_size=120,
)  # fmt: skip


@given(HISTORIES)
def test_at_most_three_repairs_a_day_and_one_alarm_until_they_agree(
    history: list[tuple[Verdict, timedelta]],
) -> None:
    comparison, at, repaired, alarmed, differences = Comparison(), BEGAN, [], False, 0
    for verdict, apart in history:
        at += apart
        comparison, step = comparison.after(verdict, at)
        if verdict is Verdict.SAME:
            alarmed, differences = False, 0
        differences += verdict is Verdict.DIFFERENT and not alarmed
        assert (step is Step.NOTHING) is (differences < DIFFERENCES or alarmed)
        if step is Step.REPAIR:
            repaired.append(at)
        if step is Step.ALARM:
            last = [at, *repaired[: -REPAIRS - 1 : -1]]
            assert all(later - earlier < REPAIRS_COUNT_FOR for later, earlier in pairwise(last))
            alarmed = True
        if step is not Step.NOTHING:
            differences = 0
        assert comparison.alarmed is alarmed
    for first, fourth in zip(repaired, repaired[REPAIRS:], strict=False):
        assert fourth - first >= REPAIRS_COUNT_FOR


def test_who_agrees_now_and_then_is_sent_no_more_of_it() -> None:
    comparison, at, steps = Comparison(), BEGAN, Counter[Step]()
    for _ in range(100):
        for verdict in [*[Verdict.DIFFERENT] * 6, Verdict.SAME]:
            at += timedelta(minutes=5)
            comparison, step = comparison.after(verdict, at)
            steps[step] += 1
    assert at - BEGAN > 2 * REPAIRS_COUNT_FOR
    assert steps[Step.REPAIR] == 3 * REPAIRS
    assert steps[Step.ALARM] > 90


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
