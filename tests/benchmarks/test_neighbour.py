"""The records that federation's lines are measured with are such as a region would believe, and add up to a forum."""

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

import pytest

from benchmarks.neighbour import A_THREAD, AT_A_TIME, WRITERS, posts_of, published
from services.forum.rules.believing import fault_of
from services.forum.rules.waiting import is_held
from shared import clock
from shared.contracts.payloads.payload import State
from shared.contracts.topics import POSTS, PROFILES, THREADS
from shared.hlc import milliseconds

SOME = 2 * A_THREAD * AT_A_TIME + 500  # two rounds of threads, and a third begun


@pytest.fixture(scope="module")
def records() -> list[tuple[Any, State]]:
    return list(published("south", SOME))


def test_every_record_is_genuine(records: list[tuple[Any, State]]) -> None:
    faults = {
        fault_of(state, key=str(state.id), origin="south", region="north", neighbours=["south"])
        for _, state in records
    }
    assert faults == {None}
    assert all(type(state) in topic.payloads for topic, state in records)


def test_of_a_million_none_is_held_for_coming_from_the_future(records: list[tuple[Any, State]]) -> None:
    versions = [state.version for _, state in records]
    apart = versions[-1] - versions[-2]
    assert not is_held(versions[-1] + 1_000_000 * apart, milliseconds(clock.now()), own=False)


def test_there_are_as_many_posts_as_asked_for_each_in_a_thread_opened_before_it(
    records: list[tuple[Any, State]],
) -> None:
    assert Counter(topic for topic, _ in records) == {
        PROFILES: WRITERS, POSTS: SOME, THREADS: 2 * AT_A_TIME + AT_A_TIME
    }  # fmt: skip
    assert len({state.id for _, state in records}) == len(records)
    people, in_thread = set[UUID](), defaultdict[UUID, list[bool]](list)
    for topic, state in records:
        if topic is PROFILES:
            people.add(state.id)  # type: ignore[arg-type]
        elif topic is THREADS:
            in_thread[state.id] = []  # type: ignore[index]
        else:
            assert state.author_id in people  # type: ignore[attr-defined]
            in_thread[state.thread_id].append(state.opening)  # type: ignore[attr-defined]
    assert all(opening == [True] + [False] * (len(opening) - 1) for opening in in_thread.values())
    assert max(map(len, in_thread.values())) == A_THREAD


def test_the_posts_alone_are_the_posts() -> None:
    assert [topic for topic, _ in posts_of("south", 10)] == [POSTS] * 10
