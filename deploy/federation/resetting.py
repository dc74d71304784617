"""Mirroring a neighbour from its beginning again, where MirrorMaker's notes are of a Kafka that is gone (FIELD-NOTES)."""

import json
from pathlib import Path

from deploy.federation.lag import offsets_topic
from shared.bus.broker import make_admin
from shared.settings import KafkaSettings

FILE = "mirrored-clusters.json"


async def forget_offsets(own: KafkaSettings, neighbour: str) -> None:
    """Forget how far the neighbour was mirrored; MirrorMaker mustn't run meanwhile. Raises KafkaError."""
    admin = make_admin(own, "federation")
    try:
        await admin.start()
        if offsets_topic(neighbour) in await admin.list_topics():
            await admin.delete_topics([offsets_topic(neighbour)])
    finally:
        await admin.close()


class MirroredClusters:
    """Which Kafka cluster of each neighbour MirrorMaker's notes are of, in the data folder."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE

    def is_another(self, neighbour: str, cluster: str) -> bool:
        """Whether that neighbour had another cluster before; the first one is noted at once."""
        known = self._read()
        if neighbour not in known:
            self.note(neighbour, cluster)
            return False
        return known[neighbour] != cluster

    def note(self, neighbour: str, cluster: str) -> None:
        """From now on it is this one."""
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(self._read() | {neighbour: cluster}))
        temporary.replace(self._path)

    def _read(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known
