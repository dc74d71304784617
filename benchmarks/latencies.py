"""How long each of many posts was under way, from one process or two."""

import asyncio
import statistics
import time
from uuid import UUID

PATIENCE = 60.0


class Latencies:
    """When each post was committed (or its sending began), and how long until it came."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._since: dict[UUID, float] = {}
        self._came: dict[UUID, float] = {}
        self._all_came = asyncio.Event()

    def left(self, post: UUID, since: float | None = None) -> None:
        """It is committed, or sending begins; `since` where another process did it."""
        self._since[post] = since or time.perf_counter()
        self._match(post)

    def came(self, post: UUID) -> None:
        """The consumer has it; of repeats the first counts."""
        self._came.setdefault(post, time.perf_counter())
        self._match(post)

    def _match(self, post: UUID) -> None:
        if post in self._since and post in self._came:
            # The relay may be quicker than the commit's answer to us.
            self.taken.append(max(0.0, self._came[post] - self._since[post]))

    async def all_of(self, count: int) -> list[float]:
        """The latencies, once that many have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.taken) < count:
                await asyncio.sleep(0.01)
        return self.taken


def p99(latencies: list[float]) -> float:
    """In the samples' unit."""
    return statistics.quantiles(latencies, n=100)[98]
