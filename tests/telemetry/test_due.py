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


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0.5), (1, 1.0), (5, 16.0), (7, 60.0), (100_000, 60.0)])
def test_each_failure_doubles_the_wait_up_to_the_longest(failures: int, seconds: float) -> None:
    assert due.back_off(0.5, failures, 60.0) == seconds


async def test_it_goes_on_however_often_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "LONGEST_BACK_OFF", 0.0)
    failures = 0
    enough = asyncio.Event()

    async def act() -> None:
        nonlocal failures
        failures += 1
        if failures > 1100:  # 2.0 ** 1024 is more than a float takes
            enough.set()
        raise GroupCoordinatorNotAvailableError

    with structlog.testing.capture_logs():
        task = asyncio.create_task(due.run_every(0.0, act))
        ended = asyncio.create_task(enough.wait())
        await asyncio.wait([task, ended], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task, ended])


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
