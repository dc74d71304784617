"""One round of digests, every minute: sum up, tell, repair; and answers in between. Of several processes one does it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.digests import repairing, summing
from services.forum.digests.telling import tell_again
from services.forum.ids import Home
from shared import clock
from shared.database.statements import Statements
from shared.telemetry.logging import describe

LOCK = 0x70656572_64696765  # any constant: each service has a database of its own
EVERYTHING_AFTER = timedelta(days=1)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what changed is told, and how often all."""

    changed: timedelta
    anyway: timedelta

    @property
    def moment(self) -> timedelta:
        """Between a neighbour's first digest and the answer: in it the others come that it told in the same round."""
        return self.changed / 30

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
        self._heard = asyncio.Event()
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

    def heard(self) -> None:
        """A neighbour has told what it has of its own, and so named a mark."""
        self._heard.set()

    async def answer_when_heard(self) -> None:
        """Wait for that, and for a moment; then `answer`."""
        await self._heard.wait()
        await asyncio.sleep(self._pace.moment.total_seconds())
        self._heard.clear()
        await self.answer()

    async def answer(self) -> None:
        """Sum up and tell what this region has of its neighbours'.

        Soon after they did, for until then an edit takes a row out of the sum here that was in it there. This region's
        own mark stays, or an answer would be answered.
        """
        async with self._alone() as alone:
            if alone:
                async with self._sessions() as session, session.begin():
                    marks = await summing.marks(session, self._home, self._neighbours, self._pace.settle_ms)
                    buckets = await summing.buckets_to_sum(session)
                theirs = {home: mark for home, mark in marks.items() if home != self._home.region}
                for noted in buckets:
                    if noted.failing:
                        break  # and all after it
                    await self._sum_bucket(noted, theirs, marks[self._home.region])
                await self._tell(theirs)
                self._wake_relay()

    async def _sum_up(self) -> None:
        async with self._sessions() as session, session.begin():
            untils = await summing.marks(session, self._home, self._neighbours, self._pace.settle_ms)
            everything = self._everything_due(frozenset(untils))
            if everything is not None:
                await summing.sum_everything(session)
            buckets = await summing.buckets_to_sum(session)
        self._everything = everything or self._everything
        for noted in buckets:
            summed = await self._sum_bucket(noted, untils, untils[self._home.region])
            if noted.failing and not summed:
                break  # each may take a minute: the others that failed before are next in the next round
        await self._tell(untils)

    async def _tell(self, untils: Mapping[str, int]) -> None:
        more = True
        while more:
            async with self._sessions() as session, session.begin():
                more = await tell_again(session, self._home, untils, self._pace.anyway)

    async def _sum_bucket(self, noted: summing.Noted, untils: Mapping[str, int], mark: int) -> bool:
        """By itself, so that one that can't be summed up holds up none of the others."""
        try:
            async with self._sessions() as session, session.begin():
                found = await summing.sum_bucket(session, noted.kind, noted.bucket, untils)
            async with self._sessions() as session, session.begin():
                await summing.store(session, self._home, noted, untils, found)
        except Exception as error:  # noqa: BLE001 - the others must go on
            _failed("a bucket couldn't be summed up and is tried again", noted, error)
            # Without a database that fails as well, which ends the round.
            async with self._sessions() as session, session.begin():
                await summing.failed(session, noted, mark)
            return False
        return True

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
            try:
                await repairing.publish_again(self._sessions, self._home, repair)
            except Exception as error:  # noqa: BLE001 - the others must go on
                _failed("a bucket couldn't be published again and is still due", repair, error)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        async with self._statements.connection() as connection:
            alone: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
            try:
                yield alone
            finally:
                if alone:
                    await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


def _failed(what: str, of: summing.Noted | repairing.Repair, error: Exception) -> None:
    _log.error(what, kind=of.kind, bucket=of.bucket, **describe(error))
