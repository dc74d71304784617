"""Kafka MirrorMaker 2 of a receiving region: pulls its neighbours' shared topics, with nothing but read rights there.

    mirror = MirrorMaker(home=data, register=register, jars=jars.fetch(), region="south",
                         bootstrap="127.0.0.1:9092", neighbours=[Neighbour("north", "127.0.0.1:19093", password)])
    mirror.start(); mirror.running; mirror.stop()

The topics must be there (`deploy.kafka.topics.apply` with `mirrored_topics`), and the neighbour must have let us in
(`deploy.federation.admitting.admit` at its Kafka). `neighbours` may be changed; the next `start` goes by them.
`properties` gives what it is set up with. Why so: FIELD-NOTES, MirrorMaker 2.
"""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.embedded.kafka import ENVIRONMENT, java_command, prepare_java
from deploy.embedded.processes import Engine, Register
from deploy.federation.neighbours import Neighbour
from shared.contracts.topics import CATALOGUE, LARGEST_MIRRORED

MAIN = "org.apache.kafka.connect.mirror.MirrorMaker"
MEMORY = (
    *("-Xmx128m", "-Xss512k", "-XX:ReservedCodeCacheSize=48m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Xlog:disable", "-Xlog:all=error:stderr"),
)
EARLY_SECONDS = 60.0

# Nothing is written at a neighbour, nothing of its settings, rights or consumers is taken over, and our topics exist
# already. A record that our Kafka refuses is passed over, so that no neighbour's record ends its link.
LINK = {
    "sync.topic.configs.enabled": "false",
    "sync.topic.acls.enabled": "false",
    "sync.group.offsets.enabled": "false",
    "emit.heartbeats.enabled": "false",
    "emit.checkpoints.enabled": "false",
    "offset-syncs.topic.location": "target",
    "refresh.groups.enabled": "false",
    "refresh.topics.interval.seconds": "5",  # also how soon a neighbour is found that was away when we started
    "replication.factor": "1",
    "offset-syncs.topic.replication.factor": "1",
    "heartbeats.topic.replication.factor": "1",  # made, though never written
    "checkpoints.topic.replication.factor": "1",
    "tasks.max": "1",
    "errors.tolerance": "all",
    "errors.log.enable": "true",
    "errors.log.include.messages": "false",
}
# At a neighbour.
SOURCE = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "consumer.receive.buffer.bytes": "-1",  # 64 KiB cap a link of 200 ms at 320 KB/s
}
# What came from all neighbours and isn't passed on yet: a quarter of MEMORY's heap. A link asks for more only when all that it
# has is passed on, so a long one rests for a round trip after each answer: the larger it is, the less.
IN_HAND, IN_HAND_OF_ONE = 32 * 1024 * 1024, 16 * 1024 * 1024
DISCOVERY = {
    "plugin.discovery": "service_load"
}  # without looking through all jars: quicker, in half the memory
# At our own Kafka, where MirrorMaker keeps its notes too.
TARGET = {
    **DISCOVERY,
    "scheduled.rebalance.max.delay.ms": "0",
    "session.timeout.ms": "6000",  # how long the next one waits for one that was killed
    "heartbeat.interval.ms": "2000",
    "offset.flush.interval.ms": "1000",  # how exactly `federation status` knows what is mirrored
    "config.storage.replication.factor": "1",
    "offset.storage.replication.factor": "1",
    "offset.storage.partitions": "1",
    "offset.storage.segment.bytes": "1048576",  # what is noted each second is soon compacted away
    "status.storage.replication.factor": "1",
    "status.storage.partitions": "1",
    "producer.compression.type": "none",
    "producer.max.request.size": str(LARGEST_MIRRORED),
    "producer.buffer.memory": str(16 * 1024 * 1024),
}


def properties(region: str, bootstrap: str, neighbours: Sequence[Neighbour]) -> str:
    """MirrorMaker's settings for the receiving `region`, whose own Kafka is at `bootstrap`.

    It takes each only behind the right name: a link's (`north->south.`), or a cluster's (`north.`).
    """
    given = {"clusters": ",".join([*(one.region for one in neighbours), region]), **DISCOVERY}
    given |= {f"{region}.{key}": value for key, value in {"bootstrap.servers": bootstrap, **TARGET}.items()}
    at_once = min(IN_HAND_OF_ONE, IN_HAND // max(len(neighbours), 1))
    topics = ",".join(topic.name.replace(".", r"\\.") for topic in CATALOGUE if topic.mirrored)
    for one in neighbours:
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        source = SOURCE | {
            "bootstrap.servers": one.bootstrap,
            "sasl.jaas.config": f'{login} username="{region}" password="{one.password}";',
            "consumer.fetch.max.bytes": str(at_once),
            "consumer.max.partition.fetch.bytes": str(at_once // 4),  # a topic has four
        }
        given |= {f"{one.region}.{key}": value for key, value in source.items()}
        link = {"enabled": "true", "topics": topics, **LINK}
        given |= {f"{one.region}->{region}.{key}": value for key, value in link.items()}
        given[f"{region}->{one.region}.enabled"] = given[
            f"{region}->{one.region}.emit.heartbeats.enabled"
        ] = "false"
    return "".join(f"{key}={value}\n" for key, value in given.items())


class MirrorMaker:
    """One process for all neighbours of a region."""

    def __init__(
        self,
        *,
        home: Path,
        register: Register,
        jars: Sequence[Path],
        region: str,
        bootstrap: str,
        neighbours: Sequence[Neighbour],
        memory: Sequence[str] = MEMORY,
    ) -> None:
        self.folder = home / "mirror-maker"
        self.jars = list(jars)
        self.region = region
        self.bootstrap = bootstrap
        self.neighbours = tuple(neighbours)
        self.memory = tuple(memory)
        self._started_at: float | None = None
        self.engine = Engine(
            "mirror-maker",
            register=register,
            log=home / "logs" / "mirror-maker-start.log",
            stop_signal=signal.SIGTERM,
        )

    @property
    def running(self) -> bool:
        """Whether the process lives; the first records come some seconds after its start."""
        return self.engine.running

    @property
    def settled(self) -> bool:
        """Whether it has lived for a minute, or wasn't to: one that ends before will probably do so again."""
        return self._started_at is None or time.monotonic() - self._started_at > EARLY_SECONDS

    def start(self) -> None:
        """Start with `neighbours` as they are now; doesn't wait until it mirrors.

        Raises Interrupted, or OSError for a data folder that can't be written.
        """
        prepare_java(self.folder, self.jars, "mirror-maker")
        path = self.folder / "mirror-maker.properties"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(properties(self.region, self.bootstrap, self.neighbours))
        command = java_command(self.jars, self.memory, MAIN, path.name, "--clusters", self.region)
        self.engine.spawn(command, cwd=self.folder, env=ENVIRONMENT)
        self._started_at = time.monotonic()

    def stop(self) -> None:
        """End it; what it had mirrored but not noted comes once more after the next start, which changes nothing."""
        self._started_at = None
        self.engine.stop(patience=10)
