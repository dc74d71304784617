"""Due work goes on after it failed."""

import asyncio
import contextlib

import pytest
import structlog
from aiokafka.errors import GroupCoordinatorNotAvailableError

from shared import due


async def test_it_runs_at_once_again_and_after_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "LONGEST_BACK_OFF", 0.01)
    runs: list[int] = []
    enough = asyncio.Event()

    async def act() -> None:
        runs.append(len(runs))
        if len(runs) in (2, 3):
            raise ConnectionError
        if len(runs) == 5:
            enough.set()

    task = asyncio.create_task(due.run_every(0.001, act))
    await asyncio.wait_for(enough.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_new_kafka_that_makes_its_groups_topic_is_no_error_and_one_that_never_does_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(due, "LONGEST_BACK_OFF", 0.01)
    failed = due.STARTING + 1
    runs: list[int] = []
    enough = asyncio.Event()

    async def act() -> None:
        runs.append(len(runs))
        if len(runs) <= failed:
            raise GroupCoordinatorNotAvailableError
        enough.set()

    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(due.run_every(0.001, act))
        await asyncio.wait_for(enough.wait(), 60)
        task.cancel()
        await asyncio.wait([task])
    assert [line["log_level"] for line in lines] == ["info"] * due.STARTING + ["error"]


async def test_work_that_takes_the_end_for_its_own_ends_all_the_same() -> None:
    begun = asyncio.Event()

    async def act() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    task = asyncio.create_task(due.run_every(0.001, act))
    await begun.wait()
    task.cancel()
    ended, _ = await asyncio.wait([task], timeout=30)
    task.cancel()
    assert ended
