"""Keeps a region's links as `federation.json` says, from before its services start until it stops."""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from deploy.embedded.errors import Interrupted, StartFailure
from deploy.embedded.supervisor import Supervisor
from deploy.federation.admitting import admit
from deploy.federation.neighbours import Federation, mirrored_topics
from deploy.kafka.topics import apply
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings

LOOK_SECONDS = 0.5
LONGEST_WAIT = 30.0
_log = structlog.get_logger()


class Links:
    """Topics for what is mirrored, rights for those who mirror from us, and MirrorMaker."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._known: Federation | None = None

    async def prepare(self) -> None:
        """Make all topics, own and mirrored, and let neighbours in. Raises KafkaError."""
        federation = await asyncio.to_thread(Federation.of, self._supervisor.data)
        if federation == self._known:
            return
        _, running = self._supervisor.running()
        kafka = KafkaSettings(bootstrap_servers=running.bootstrap)
        await apply(kafka, [*CATALOGUE, *mirrored_topics(federation.regions)])
        if federation.doorway is not None and running.doorway is not None:
            await admit(kafka, federation.admitted, federation.left)
        self._known = federation

    async def watch(self) -> None:
        """Do what the file says as soon as it says so, and start MirrorMaker again when it ended; until cancelled."""
        failures = 0
        while True:
            try:
                await self.prepare()
                await asyncio.to_thread(self._supervisor.link)
                failures = 0
            except Interrupted:
                return
            except (KafkaError, OSError, ValueError, KeyError, StartFailure) as error:
                failures += 1
                _log.error("links aren't as they should be", error=type(error).__name__)
            await asyncio.sleep(min(LOOK_SECONDS * 2**failures, LONGEST_WAIT))
