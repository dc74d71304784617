"""Mirroring a neighbour from its beginning again, where MirrorMaker's notes are of a Kafka that is gone (FIELD-NOTES).

ask_reset(data, "north")                # by whoever wants it
resets_asked(data)                      # ["north"]; seen to by the running region
reset_done(data, "north")
"""

import json
from pathlib import Path

from aiokafka.errors import UnknownTopicOrPartitionError, for_code

from deploy.federation.lag import offsets_topic
from shared.bus.broker import make_admin
from shared.settings import KafkaSettings

FILE = "mirrored-clusters.json"
ASKED = "reset-link-"


async def forget_offsets(own: KafkaSettings, neighbour: str) -> None:
    """Forget how far the neighbour was mirrored; MirrorMaker mustn't run meanwhile. Raises KafkaError."""
    admin = make_admin(own, "federation")
    try:
        await admin.start()
        if offsets_topic(neighbour) not in await admin.list_topics():
            return
        answer = await admin.delete_topics([offsets_topic(neighbour)])
        for topic, code in answer.topic_error_codes:
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise for_code(code)(f"{topic} can't be deleted")
    finally:
        await admin.close()


def ask_reset(data: Path, neighbour: str) -> None:
    """Have that neighbour mirrored from its beginning, by the region when it runs."""
    _asked(data, neighbour).touch()


def resets_asked(data: Path) -> list[str]:
    """The neighbours for which that is still to be done."""
    return sorted(path.name.removeprefix(ASKED) for path in data.glob(f"{ASKED}*"))


def reset_done(data: Path, neighbour: str) -> None:
    """How far it was mirrored is forgotten."""
    _asked(data, neighbour).unlink(missing_ok=True)


def _asked(data: Path, neighbour: str) -> Path:
    return data / f"{ASKED}{neighbour}"


class MirroredClusters:
    """Which Kafka cluster of each neighbour MirrorMaker's notes are of, in the data folder."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE

    def is_another(self, neighbour: str, cluster: str) -> bool:
        """Whether that neighbour had another cluster before; the first one is noted at once."""
        known = self.noted(neighbour)
        if known is None:
            self.note(neighbour, cluster)
            return False
        return known != cluster

    def noted(self, neighbour: str) -> str | None:
        """The cluster; None before the first."""
        return self._read().get(neighbour)

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
