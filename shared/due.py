"""Work beside requests and consumers: loops around functions that look for due rows and do them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog
from aiokafka.errors import GroupCoordinatorNotAvailableError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

LONGEST_BACK_OFF = 60.0
STARTING = 4  # attempts within which a new Kafka has made its topic of groups


def back_off(seconds: float, failures: int, longest: float) -> float:
    """Seconds until the next attempt: twice as many after each failure, up to `longest`, however many there were."""
    return min(seconds * 2.0 ** min(failures, 20), longest)


async def run_every(seconds: float, act: Callable[[], Awaitable[object]], *, name: str = "") -> None:
    """Call `act` now and then `seconds` after each end, until cancelled.

    A failure is logged and waits longer each time, up to a minute (or `seconds`, where that is more). `act`
    compares due rows with `shared.clock` itself; several processes may run it at once.
    """
    log = structlog.get_logger().bind(consumer=name or getattr(act, "__qualname__", "due work"))
    failures = 0
    while True:
        try:
            await act()
            failures = 0
        except GroupCoordinatorNotAvailableError as error:
            # Expected of a new Kafka while it makes its topic of groups; not for long.
            failures += 1
            tell = log.info if failures <= STARTING else log.error
            tell("Kafka's groups aren't there yet; tried again", attempt=failures, kind=type(error).__name__)
        except Exception:
            failures += 1
            log.exception("due work failed and is tried again", attempt=failures)
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError  # it was told to end, and a client took that for its own: aiokafka's, as it closes
        await asyncio.sleep(back_off(seconds, failures, max(LONGEST_BACK_OFF, seconds)))


async def in_batches(
    sessions: async_sessionmaker[AsyncSession], some: Callable[[AsyncSession], Awaitable[int]]
) -> int:
    """Call `some` in one transaction after the other until it finds nothing due; returns how many it did.

    A transaction must end within 5 s, so `some` takes so many and no more.
    """
    total = 0
    while True:
        async with sessions() as session, session.begin():
            done = await some(session)
        if not done:
            return total
        total += done


def in_background(ends: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until `ends` closes: it is cancelled then and waited for."""
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    ends.push_async_callback(stop)
