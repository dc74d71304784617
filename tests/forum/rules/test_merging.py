"""Merging is a semilattice: commutative, associative, idempotent; and erased is its top."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.forum.rules.merging import highest, merged
from shared.contracts.payloads.forum import ReactionGiven
from tests.forum.rules.histories import World

WORLD = World((0, 0, 0)).play(bytes([0, 0, 0, 45, 0, 0]))
REACTION = next(state for _, state in WORLD.records if isinstance(state, ReactionGiven))


def state(version: int, *, erased: bool) -> ReactionGiven:
    """One writer's states: a version is given once, so erased and content follow from it and from nothing else."""
    return REACTION.model_copy(
        update={"version": version, "erased": erased, "kind": None if erased else "thanks"}
    )


ERASED_ONES = st.sets(st.integers(0, 9))


@given(ERASED_ONES, st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_merging_is_commutative_associative_and_idempotent(erased: set[int], versions: list[int]) -> None:
    a, b, c = (state(version, erased=version in erased) for version in versions)
    assert merged(a, b) == merged(b, a)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(a, a) == a
    assert merged(None, a) == a
    assert merged(a, merged(a, b)) == merged(a, b)


@given(ERASED_ONES, st.lists(st.integers(0, 9), min_size=1), st.randoms(use_true_random=False))
def test_a_batch_comes_to_what_its_records_come_to_one_by_one(
    erased: set[int], versions: list[int], chance: random.Random
) -> None:
    states = [state(version, erased=version in erased) for version in versions]
    chance.shuffle(states)
    one_by_one = None
    for each in states:
        one_by_one = merged(one_by_one, each)
    assert highest(states, lambda each: each.id, lambda each: each) == [one_by_one]
    assert one_by_one is not None
    assert one_by_one.erased is any(each.erased for each in states)
