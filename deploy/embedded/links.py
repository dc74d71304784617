"""Keeps a region's links as `federation.json` says, from before its services start until it stops."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from deploy.embedded.addresses import REGION_FILE
from deploy.embedded.errors import Interrupted
from deploy.embedded.supervisor import Supervisor
from deploy.federation.admitting import admit
from deploy.federation.catching_up import CatchingUp
from deploy.federation.lag import settings_of
from deploy.federation.neighbours import Federation, Neighbour, Unreadable, mirrored_topics
from deploy.federation.resetting import MirroredClusters, forget_offsets, reset_done, resets_asked
from deploy.kafka.topics import apply
from shared.bus.agreement import agreed_with, cluster_of, is_restored
from shared.contracts.topics import CATALOGUE
from shared.database.engine import make_engine, make_sessions
from shared.due import back_off
from shared.region import load_region
from shared.settings import KafkaSettings

LOOK_SECONDS = 0.5
CLUSTER_SECONDS = 10.0
LONGEST_WAIT = 20.0  # less than the command that stops a link waits
OFTEN = 10  # looks after which a wait becomes twice as long
_logger = structlog.get_logger()


def looks() -> Iterator[float]:
    """Seconds between looks at what neighbours have: it may be here in a moment, and a neighbour may be away for hours."""
    for before in count():
        yield back_off(LOOK_SECONDS, before // OFTEN, CLUSTER_SECONDS)


class Links:
    """Topics for what is mirrored, rights for those who mirror from us, and MirrorMaker."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._made: tuple[Any, ...] | None = None  # neighbours, who is let in, and who no longer
        self._changing = asyncio.Lock()

    @property
    def _own(self) -> KafkaSettings:
        _, running = self._supervisor.running()
        return KafkaSettings(bootstrap_servers=running.bootstrap)

    async def prepare(self) -> None:
        """Make all topics, own and mirrored, and let neighbours in. Raises KafkaError, Unreadable."""
        federation = await asyncio.to_thread(Federation.of, self._supervisor.data)
        wanted = federation.regions, federation.admitted, federation.left
        if wanted == self._made:
            return
        _, running = self._supervisor.running()
        kafka = self._own
        await apply(kafka, [*CATALOGUE, *mirrored_topics(federation.regions)])
        if federation.doorway is not None and running.doorway is not None:
            await admit(kafka, federation.admitted, federation.left)
        self._made = wanted

    async def watch(self) -> None:
        """Do what the file says as soon as it says so, reset what is asked for, start MirrorMaker again when it ended.

        Until cancelled or the region stops: whatever goes wrong is logged and tried again.
        """
        failures = 0
        while True:
            try:
                await self.prepare()
                for neighbour in resets_asked(self._supervisor.data):
                    await self._mirror_again(neighbour)
                    reset_done(self._supervisor.data, neighbour)
                if self._supervisor.linked_for_good:
                    failures = 0
                seconds = LOOK_SECONDS
                async with self._changing:
                    ended = await asyncio.to_thread(self._supervisor.link)
                if ended:
                    _logger.warning("MirrorMaker ended and was started again")
                    seconds = back_off(LOOK_SECONDS, failures, LONGEST_WAIT)
                    failures += 1
            except Interrupted:
                return
            except Exception:
                failures += 1
                seconds = back_off(LOOK_SECONDS, failures, LONGEST_WAIT)
                _logger.exception("links aren't as they should be")
            await asyncio.sleep(seconds)

    async def watch_clusters(self) -> None:
        """Mirror a neighbour from its beginning when its Kafka is another one than before.

        MirrorMaker goes by the number of a record, and would pass over as many of the new ones as it had mirrored.
        Until cancelled or the region stops: whatever goes wrong is logged and tried again.
        """
        data = self._supervisor.data
        region = load_region(data / REGION_FILE).id
        while True:
            try:
                linked = (await asyncio.to_thread(Federation.of, data)).linked
            except (Unreadable, OSError):
                linked = ()  # `watch` says so
            for neighbour in linked:
                try:
                    await self._compare_clusters(neighbour, region)
                except Interrupted:
                    return
                except Exception:
                    _logger.exception("a neighbour's Kafka may be another one")
            await asyncio.sleep(CLUSTER_SECONDS)

    async def _compare_clusters(self, neighbour: Neighbour, region: str) -> None:
        clusters = MirroredClusters(self._supervisor.data)
        try:
            cluster = await cluster_of(settings_of(neighbour, region))
        except (KafkaError, OSError):
            return  # it will be asked again
        if clusters.is_another(neighbour.region, cluster):
            await self._mirror_again(neighbour.region)
            clusters.note(neighbour.region, cluster)
            _logger.warning("a neighbour's Kafka is another one: all it has is mirrored again")

    async def _mirror_again(self, neighbour: str) -> None:
        """From its beginning, once `watch` has MirrorMaker started again."""
        async with self._changing:
            await asyncio.to_thread(self._supervisor.unlink)
            await forget_offsets(self._own, neighbour)

    async def catch_up(self, say: Callable[[str], None], stop: asyncio.Event) -> None:
        """Wait until all that neighbours have at the first look is here, where the forum's database comes from a backup.

        What was erased since may stand only in a neighbour's topic. (Where Kafka alone was lost the tables know what is
        erased.) An operator who stops a link gets on without that neighbour. To be awaited while `watch` and
        `watch_clusters` run. Raises Interrupted when the region is to stop.
        """
        if not Federation.of(self._supervisor.data).linked or not await self._is_restored():
            return
        caught_up, stopped = (asyncio.create_task(one) for one in (self._until_caught_up(say), stop.wait()))
        await asyncio.wait([caught_up, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stop.is_set():
            caught_up.cancel()
            raise Interrupted
        await caught_up

    async def _until_caught_up(self, say: Callable[[str], None]) -> None:
        data = self._supervisor.data
        region = load_region(data / REGION_FILE).id
        catching_up = CatchingUp(self._own, region, MirroredClusters(data))
        told: set[str] = set()
        for seconds in looks():
            try:
                linked = (await asyncio.to_thread(Federation.of, data)).linked
            except (Unreadable, OSError):  # somebody is at it, and `watch` says so
                await asyncio.sleep(seconds)
                continue
            waiting = {one.region for one in linked if await catching_up.waits_for(one)}
            if not waiting:
                return
            for neighbour in sorted(waiting - told):
                say(
                    f"Waiting for all that {neighbour} has; `federation link {neighbour} stop` goes on without it."
                )
            told |= waiting
            await asyncio.sleep(seconds)

    async def _is_restored(self) -> bool:
        """Whether the forum's database comes from a backup, and wasn't read back since."""
        database = make_engine(self._supervisor.dsn("forum").sqlalchemy, pool=1, application="links")
        try:
            async with make_sessions(database)() as session:
                return is_restored(await agreed_with(session))
        finally:
            await database.dispose()
