"""One round of digests, every minute: sum up, tell, repair. Of several processes one does it."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.digests import repairing, summing
from services.forum.digests.telling import tell_again
from services.forum.ids import Home
from shared import clock
from shared.database.statements import Statements

LOCK = 0x70656572_64696765  # any constant: each service has a database of its own
EVERYTHING_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what changed is told, and how often all."""

    changed: timedelta
    anyway: timedelta

    @property
    def settle_ms(self) -> int:
        """How far this region's mark stays behind, in milliseconds."""
        return self.changed // timedelta(milliseconds=2)


class Rounds:
    """Sums up what the consumer noted; at the first round, daily and for a home that is new everything.

    So a row is missed as well that went without a record.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        statements: Statements,
        home: Home,
        neighbours: Collection[str],
        pace: Pace,
        wake_relay: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._statements = statements
        self._home = home
        self._neighbours = frozenset(neighbours)
        self._pace = pace
        self._wake_relay = wake_relay
        self._everything: tuple[datetime, frozenset[str]] | None = None  # summed up when, of which homes

    async def round(self) -> None:
        """All that is due, in as many transactions as it takes; nothing where another process is at it."""
        if not self._neighbours:
            return
        async with self._alone() as alone:
            if alone:
                await self._sum_up()
                await self._repair()
                self._wake_relay()

    async def _sum_up(self) -> None:
        async with self._sessions() as session, session.begin():
            untils = await summing.marks(session, self._home, self._neighbours, self._pace.settle_ms)
            everything = self._everything_due(frozenset(untils))
            if everything is not None:
                await summing.sum_everything(session)
            buckets = await summing.buckets_to_sum(session)
        self._everything = everything or self._everything
        for place, seqs in sorted(buckets.items()):
            async with self._sessions() as session, session.begin():
                found = await summing.sum_bucket(session, *place, untils)
            async with self._sessions() as session, session.begin():
                await summing.store(session, self._home, place, untils, found, seqs)
        more = True
        while more:
            async with self._sessions() as session, session.begin():
                more = await tell_again(session, self._home, untils, self._pace.anyway)

    def _everything_due(self, homes: frozenset[str]) -> tuple[datetime, frozenset[str]] | None:
        now = clock.now()
        if self._everything is not None:
            last, before = self._everything
            if now - last < EVERYTHING_AFTER and homes <= before:
                return None
        return now, homes

    async def _repair(self) -> None:
        async with self._sessions() as session:
            repairs = await repairing.due(session)
        for repair in repairs:
            await repairing.publish_again(self._sessions, self._home, repair)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        async with self._statements.connection() as connection:
            alone: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
            try:
                yield alone
            finally:
                if alone:
                    await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
