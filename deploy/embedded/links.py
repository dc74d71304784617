"""Keeps a region's links as `federation.json` says, from before its services start until it stops."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from deploy.embedded.addresses import REGION_FILE
from deploy.embedded.errors import Interrupted, StartFailure
from deploy.embedded.supervisor import Supervisor
from deploy.federation.admitting import admit
from deploy.federation.lag import Places, ends_of, mirrored_so_far, settings_of
from deploy.federation.neighbours import Federation, mirrored_topics
from deploy.federation.resetting import MirroredClusters, forget_offsets
from deploy.kafka.topics import apply
from shared.bus.agreement import agreed_with, cluster_of, wait_for_cluster
from shared.contracts.topics import CATALOGUE
from shared.database.engine import make_engine, make_sessions
from shared.region import load_region
from shared.settings import KafkaSettings

LOOK_SECONDS = 0.5
CLUSTER_SECONDS = 10.0
LONGEST_WAIT = 20.0  # less than the command that stops a link waits
_log = structlog.get_logger()


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
        """Make all topics, own and mirrored, and let neighbours in. Raises KafkaError."""
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
        """Do what the file says as soon as it says so, and start MirrorMaker again when it ended; until cancelled."""
        failures = 0
        while True:
            try:
                await self.prepare()
                if self._supervisor.linked_for_good:
                    failures = 0
                seconds = LOOK_SECONDS
                async with self._changing:
                    ended = await asyncio.to_thread(self._supervisor.link)
                if ended:
                    _log.warning("MirrorMaker ended and was started again")
                    seconds *= 2**failures
                    failures += 1
            except Interrupted:
                return
            except (KafkaError, OSError, ValueError, KeyError, StartFailure) as error:
                failures += 1
                seconds = LOOK_SECONDS * 2**failures
                _log.error("links aren't as they should be", error=type(error).__name__)
            await asyncio.sleep(min(seconds, LONGEST_WAIT))

    async def watch_clusters(self) -> None:
        """Mirror a neighbour from its beginning when its Kafka is another one than before; until cancelled.

        MirrorMaker goes by the number of a record, and would pass over as many of the new ones as it had mirrored.
        """
        data = self._supervisor.data
        region = load_region(data / REGION_FILE).id
        clusters = MirroredClusters(data)
        while True:
            await asyncio.sleep(CLUSTER_SECONDS)
            for neighbour in Federation.of(data).linked:
                try:
                    cluster = await cluster_of(settings_of(neighbour, region))
                    if not clusters.is_another(neighbour.region, cluster):
                        continue
                    async with self._changing:
                        await asyncio.to_thread(self._supervisor.unlink)
                        await forget_offsets(self._own, neighbour.region)
                        clusters.note(neighbour.region, cluster)
                    _log.warning("a neighbour's Kafka is another one: all it has is mirrored again")
                except (KafkaError, OSError):
                    continue  # it will be asked again

    async def catch_up(self, say: Callable[[str], None], stop: asyncio.Event) -> None:
        """Wait until all that neighbours have at the first look is here, where the forum is about to read its topics back.

        What was erased since the backup may stand only in a neighbour's topic. What they write while we wait isn't
        waited for: that never ends. An operator who stops a link gets on without that neighbour. To be awaited while
        `watch` runs. Raises Interrupted when the region is to stop.
        """
        kafka, data = self._own, self._supervisor.data
        if not Federation.of(data).linked or not await self._will_read_back(kafka):
            return
        region = load_region(data / REGION_FILE).id
        told: set[str] = set()
        wanted: dict[str, Places] = {}
        while not stop.is_set():
            linked = Federation.of(data).linked
            for one in linked:
                if one.region not in wanted and (ends := await ends_of(one, region)) is not None:
                    wanted[one.region] = ends
            waiting = {one.region for one in linked if not await _is_here(kafka, one.region, wanted)}
            if not waiting:
                return
            for neighbour in sorted(waiting - told):
                say(
                    f"Waiting for all that {neighbour} has; `federation link {neighbour} stop` goes on without it."
                )
            told |= waiting
            await asyncio.sleep(LOOK_SECONDS)
        raise Interrupted

    async def _will_read_back(self, kafka: KafkaSettings) -> bool:
        """Whether the forum's database comes from a backup, or its Kafka is another one than before."""
        database = make_engine(self._supervisor.dsn("forum").sqlalchemy, pool=1, application="links")
        try:
            async with make_sessions(database)() as session:
                known = await agreed_with(session)
        finally:
            await database.dispose()
        return known is not None and known != await wait_for_cluster(kafka)


async def _is_here(own: KafkaSettings, neighbour: str, wanted: dict[str, Places]) -> bool:
    """Whether all is mirrored that is wanted of a neighbour; not while nobody knows what that is."""
    if neighbour not in wanted:
        return False
    done = await mirrored_so_far(own, neighbour)
    return all(done.get(place, 0) >= end for place, end in wanted[neighbour].items())
