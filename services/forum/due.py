"""What falls due: members to erase, records that were ahead of time, bookkeeping that has had its day."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.ids import Home
from services.forum.queries import erasures
from services.forum.replicas import held
from services.forum.replicas.announcing import announce_some
from services.forum.replicas.applying import Replicas
from services.forum.replicas.projecting import project_again
from services.forum.replicas.tables import TABLES
from services.forum.use_cases import reports
from services.forum.use_cases.leaving import acknowledge_others, erase_some, homes_to_answer
from services.forum.use_cases.profiles import hide_communities_of_nobody, let_go_of_names
from shared import clock
from shared.api import idempotency
from shared.bus.halving import store_or_halve
from shared.bus.records import Received
from shared.telemetry import notices
from shared.telemetry.logging import describe

# By primary key: ids begin with their time, and a day's worth of rows is looked at.
HIGHEST = text("""
SELECT coalesce(max(version), 0) FROM (
    (SELECT version FROM posts WHERE home = :region ORDER BY id DESC LIMIT 1000)
    UNION ALL (SELECT version FROM threads WHERE home = :region ORDER BY id DESC LIMIT 1000)
    UNION ALL (SELECT version FROM reactions WHERE home = :region ORDER BY id DESC LIMIT 1000)
) newest
""")

ROUNDS = 10  # in which requests are answered, before members of this region who leave come first again

UNCONFIRMED = (
    "{region} hasn't said for more than a day that it erased what a member of this region erased. Look at its link"
    " (`peercafe federation status`), then call its operators. docs/federation.md says more."
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DueWork:
    """Each method looks for due rows and does them; several processes may do so at once."""

    sessions: async_sessionmaker[AsyncSession]
    home: Home
    replicas: Replicas
    wake_relay: Callable[[], None]
    neighbours: Sequence[str] = ()
    projected: asyncio.Event = field(default_factory=asyncio.Event)
    silent: set[str] = field(default_factory=set)  # neighbours, at the last look for their confirmations
    looked_at: dict[str, str] = field(default_factory=dict)  # by home, the last erasure of its

    async def erase(self) -> None:
        """Go on until nobody is left to erase, a transaction at a time; then acknowledge other regions' erasures."""
        more = True
        while more:
            async with self.sessions() as session, session.begin():
                more = await erase_some(session, self.home, clock.now())
            if more:
                self.wake_relay()
        for _ in range(ROUNDS):
            if not await self._acknowledge():
                return
            self.wake_relay()

    async def _acknowledge(self) -> bool:
        """Some of each home's, each by itself, so that none keeps another's waiting; whether any was answered."""
        async with self.sessions() as session:
            homes = await homes_to_answer(session)
        found = False
        for of in homes:
            try:
                async with self.sessions() as session, session.begin():
                    after = self.looked_at.get(of, "")
                    upto, some = await acknowledge_others(session, self.home, of, after, clock.now())
            except Exception as error:  # noqa: BLE001 - the others must go on
                _log.error("a region's erasures couldn't be looked at", region=of, **describe(error))
                continue
            self.looked_at[of] = upto
            found = found or some
        return found

    async def pass_on(self) -> None:
        """Pass on what was told here of posts whose writers belong elsewhere."""
        more = True
        while more:
            async with self.sessions() as session, session.begin():
                more = await reports.pass_on_some(session, self.home)
            if more:
                self.wake_relay()

    async def release_held(self) -> None:
        """Apply the records whose time has come. What can't be stored waits for another hour."""
        async with self.sessions() as session, session.begin():
            due = await held.due(session)
        refused = await store_or_halve(self._release, due)
        if refused:
            async with self.sessions() as session, session.begin():
                await held.postpone(session, [record for record, _ in refused])
            _log.warning("held records can't be stored and stay", count=len(refused), error=refused[0][1])
        if due:
            self.wake_relay()

    async def announce(self) -> None:
        """Count and tell of posts that stand for others now; in a region alone, of those that waited when its last neighbour
        left.
        """
        more = True
        while more:
            async with self.sessions() as session, session.begin():
                more = await announce_some(session, self.home.standing())
            if more:
                self.wake_relay()

    async def _release(self, records: list[Received[Any]]) -> None:
        batch = await self.replicas.prepare(records)
        async with self.sessions() as session, session.begin():
            await held.let_go(session, records)
            await self.replicas.store(session, batch)

    async def project_again(self) -> None:
        """Once after the start: fill what an earlier release filled again from the records as they came."""
        if not self.projected.is_set():
            await project_again(self.sessions, TABLES.values())
            self.projected.set()

    async def remind(self) -> None:
        """Remind operators of neighbours that haven't confirmed erasures for more than a day.

        Only of those that were silent at the look before as well: who was cut off, or has just joined, catches up first.
        """
        async with self.sessions() as session:
            silent = await erasures.missing(session, self.home.region, self.neighbours, clock.now())
        for region in sorted(self.silent & silent.keys()):
            notices.tell(UNCONFIRMED.format(region=region))
            _log.warning("a neighbour hasn't confirmed erasures for more than a day", region=region)
        self.silent.clear()
        self.silent.update(silent)

    async def tidy(self) -> None:
        """Drop idempotency keys of the day before yesterday and earlier, and kept versions that nobody needs; names of
        whoever has left become nobody's, and communities of whom nobody can hide them are hidden.
        """
        async with self.sessions() as session, session.begin():
            await idempotency.forget_old(session)
            await reports.tidy(session)
            await hide_communities_of_nobody(session, self.home)
        async with self.sessions() as session, session.begin():
            await let_go_of_names(session)


async def highest_version(session: AsyncSession, region: str) -> int:
    """The highest version that this region is likely to have given."""
    highest: int = await session.scalar(HIGHEST, {"region": region}) or 0
    return highest
