"""After a restore, or with a new Kafka: analytics' topics and its database agree again (DESIGN §3)."""

from shared.bus.read_back import ReadBack


async def compare(back: ReadBack) -> None:
    """Hear all that the others said."""
    await back.take_heard()
