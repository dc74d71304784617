"""The archive of Java's classes, from which the many engines of a whole run are started (deploy/embedded/kafka.py)."""

import asyncio
import fcntl
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.embedded import jars
from deploy.embedded.errors import StartFailure
from deploy.embedded.kafka import Kafka, class_archive
from deploy.kafka.topics import apply
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings
from tests.engines import Embedded

ENDING_SECONDS = 90.0  # writing the archive is part of it


def make() -> Path | None:
    """The archive for the jars of today, made now if there is none; None where that didn't work: it goes without."""
    with suppress(StartFailure, OSError, KafkaError, subprocess.SubprocessError):
        fetched = jars.fetch()
        archive = class_archive(fetched)
        with (archive.parent / ".classes.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not archive.exists():
                _make(fetched, archive)
        return archive
    return None


def _make(fetched: list[Path], archive: Path) -> None:
    """From what a Kafka loads that is used like a region's."""
    engines = Embedded()
    try:
        kafka = Kafka(home=engines.home, register=engines.register, jars=fetched, recorded="recorded.aot")
        engines.started.append(kafka)
        kafka.start()
        asyncio.run(_used(kafka.bootstrap))
        kafka.engine.stop(patience=ENDING_SECONDS)
        whole = archive.with_suffix(".new")  # not under its name before it is whole
        shutil.copyfile(kafka.folder / "recorded.aot", whole)
        for old in archive.parent.glob("classes-*.aot"):
            old.unlink()
        whole.rename(archive)
    finally:
        engines.close()


async def _used(bootstrap: str) -> None:
    await apply(KafkaSettings(bootstrap_servers=bootstrap), CATALOGUE)
    topic = CATALOGUE[0].name
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id="class-archive",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with producer, consumer:
        await producer.send_and_wait(topic, b"value", key=b"key")
        await asyncio.wait_for(consumer.getone(), 60)
        await consumer.commit()
