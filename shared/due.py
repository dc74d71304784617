"""Work that falls due: a background loop around one function that looks for due rows and does them."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

LONGEST_BACK_OFF = 60.0


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
        except Exception:
            failures += 1
            log.exception("due work failed and is tried again", attempt=failures)
        pause = min(seconds * 2**failures, max(LONGEST_BACK_OFF, seconds)) if failures else seconds
        await asyncio.sleep(pause)
