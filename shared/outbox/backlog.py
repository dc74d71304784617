"""How many outbox rows wait for the relay, and for how long."""

import time
from collections import deque
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

LOOK = text(
    "SELECT count(*) FILTER (WHERE seq <= :before) AS waiting,"
    " coalesce(min(seq), 0) AS oldest, coalesce(max(seq), 0) AS newest FROM outbox"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows, and the age of the oldest in seconds."""

    rows: int
    seconds: float


class Backlog:
    """Looks again and again. A row counts as waiting from the second look that finds it:

    one that is published in time is never seen. Its age is told by these looks, since rows bear no clock time in
    most services; a process that is started anew begins at nought.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._looks: deque[tuple[int, float]] = deque()  # the newest row of a look, and when that was

    async def look(self) -> Waiting:
        """Ask the database. Raises DBAPIError, OSError, or TimeoutError for want of a connection."""
        before = self._looks[-1][0] if self._looks else 0
        async with self._engine.connect() as connection:
            found = (await connection.execute(LOOK, {"before": before})).one()
        now = time.monotonic()
        while self._looks and (not found.oldest or self._looks[0][0] < found.oldest):
            self._looks.popleft()
        if found.newest > before:
            self._looks.append((found.newest, now))
        return Waiting(found.waiting, now - self._looks[0][1] if found.waiting else 0.0)
