"""What a restored region waits for: all that each neighbour had when it was first asked."""

from aiokafka.errors import KafkaError

from deploy.federation.lag import Places, ends_of, mirrored_so_far, settings_of
from deploy.federation.neighbours import Neighbour
from deploy.federation.resetting import MirroredClusters
from shared.bus.agreement import cluster_of
from shared.settings import KafkaSettings


class CatchingUp:
    """Goes by how far MirrorMaker has come, and by which cluster of each neighbour its notes are of."""

    def __init__(self, own: KafkaSettings, region: str, clusters: MirroredClusters) -> None:
        self._own = own
        self._region = region
        self._clusters = clusters
        self._wanted: dict[str, tuple[str, Places]] = {}  # neighbour → its cluster, and where that ended

    async def waits_for(self, neighbour: Neighbour) -> bool:
        """Whether something of it isn't here yet; also while nobody can say, because a Kafka doesn't answer.

        What it writes after it was first asked isn't waited for: that never ends. It is asked again where its Kafka is
        another one than then.
        """
        name = neighbour.region
        cluster = await self._cluster_of(neighbour)
        if cluster is not None and (name not in self._wanted or self._wanted[name][0] != cluster):
            self._wanted.pop(name, None)
            if (ends := await ends_of(neighbour, self._region)) is not None:
                self._wanted[name] = cluster, ends
        if name not in self._wanted:
            return True
        cluster, ends = self._wanted[name]
        if self._clusters.noted(name) != cluster:
            return True  # MirrorMaker's notes are of another one, whose numbers say nothing of this one's
        try:
            done = await mirrored_so_far(self._own, name)
        except (KafkaError, OSError):
            return True
        return any(done.get(place, 0) < end for place, end in ends.items())

    async def _cluster_of(self, neighbour: Neighbour) -> str | None:
        try:
            return await cluster_of(settings_of(neighbour, self._region))
        except (KafkaError, OSError):
            return None
