"""After a restore: whoever has left since the backup leaves again. Flags raised or lowered since then are lost."""

from shared.bus.read_back import ReadBack


async def compare(back: ReadBack) -> None:
    """Hear all that identity said of this service's aliases."""
    await back.take_heard()
