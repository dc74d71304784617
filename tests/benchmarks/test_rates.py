"""How fast records come is counted from the first that are there."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from benchmarks import linking
from benchmarks.linking import rate_of


def coming(monkeypatch: pytest.MonkeyPatch, *counts: int) -> Callable[[], Awaitable[int]]:
    """One look a second, on a clock of the test's own."""
    seconds, waiting = [0.0], iter(counts)
    monkeypatch.setattr(linking, "time", SimpleNamespace(perf_counter=lambda: seconds[0]))

    async def come() -> int:
        seconds[0] += 1
        return next(waiting)

    return come


async def test_neither_what_was_there_before_nor_the_wait_for_the_first_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    come = coming(monkeypatch, 100, 100, 100, 120, 160, 200)
    assert await rate_of(come, before=100, all_of=200) == (200 - 120) / 2


async def test_what_comes_all_at_once_counts_from_when_one_began_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await rate_of(coming(monkeypatch, 0, 30), before=0, all_of=30) == 30 / 2
