"""What a region's operator must know until they have dealt with it: a file of sentences, said at each start and by `status`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from shared.telemetry import notices as told

FILE = "notices.txt"
LOOK_SECONDS = 10.0


def keep(data: Path, sentences: list[str]) -> None:
    """Add what isn't there yet."""
    known = read(data)
    new = [sentence for sentence in sentences if sentence not in known]
    if new:
        (data / FILE).write_text("".join(f"{line}\n" for line in [*known, *new]), "utf-8")


def read(data: Path) -> list[str]:
    """All of them; none once the operator has removed the file."""
    try:
        return (data / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []


async def watch(data: Path, say: Callable[[list[str]], None], look_seconds: float = LOOK_SECONDS) -> None:
    """Keep what services tell while they run, and say it as often as they do; until cancelled."""
    while True:
        await asyncio.sleep(look_seconds)
        if new := told.take():
            keep(data, new)
            say([*new, until_when(data)])


def until_when(data: Path) -> str:
    """How to make them go."""
    return f"(Said until you remove {data / FILE}.)"


def forget(data: Path) -> None:
    """The databases they were about are gone."""
    (data / FILE).unlink(missing_ok=True)
