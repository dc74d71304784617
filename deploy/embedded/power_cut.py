"""Tells a stop of the machine from a stop of the region, and makes good what Kafka may have lost by it.

Kafka doesn't wait for the disk: a power cut may cost it up to a second of acknowledged records (`kill -9` doesn't, the
system still holds them). PostgreSQL does wait, so each service publishes its last day again.
"""

from pathlib import Path

from deploy.embedded.addresses import Addresses
from deploy.embedded.secrets import SERVICES
from shared.database.engine import make_engine, make_sessions
from shared.outbox.resend import publish_again

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # another one after each start of the machine


class BootMark:
    """A file that says in which run of the machine the region was last open; gone after a clean stop."""

    def __init__(self, data: Path, boot_id: Path = BOOT_ID) -> None:
        self._file = data / "open-since-boot"
        self._boot_id = boot_id.read_text().strip()

    def machine_stopped(self) -> bool:
        """Whether the machine ended while the region was open."""
        return self._file.exists() and self._file.read_text().strip() != self._boot_id

    def set(self) -> None:
        """The region is open in this run of the machine."""
        self._file.write_text(self._boot_id)

    def clear(self) -> None:
        """The region has stopped cleanly, Kafka's records are on the disk."""
        self._file.unlink(missing_ok=True)


async def publish_last_day(engines: Addresses) -> int:
    """Before any relay runs; returns how many records go out again."""
    total = 0
    for service in SERVICES:
        engine = make_engine(engines.database(service), pool=1, application="power-cut")
        try:
            async with make_sessions(engine)() as session, session.begin():
                total += await publish_again(session)
        finally:
            await engine.dispose()
    return total
