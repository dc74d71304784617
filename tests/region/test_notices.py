"""What an operator must know is kept in the data folder and said."""

import asyncio
from contextlib import suppress
from pathlib import Path

from deploy.embedded import notices
from shared.telemetry import notices as told


async def test_what_services_tell_while_they_run_is_kept_once_and_said_each_time(tmp_path: Path) -> None:
    said: asyncio.Queue[list[str]] = asyncio.Queue()
    told.take()
    watching = asyncio.create_task(notices.watch(tmp_path, said.put_nowait, look_seconds=0.01))
    try:
        for _ in range(2):
            told.tell("A neighbour is silent.")
            assert await asyncio.wait_for(said.get(), 30) == [
                "A neighbour is silent.",
                notices.until_when(tmp_path),
            ]
            assert notices.read(tmp_path) == ["A neighbour is silent."]
        notices.forget(tmp_path)
        told.tell("A neighbour is silent.")
        await asyncio.wait_for(said.get(), 30)
        assert notices.read(tmp_path) == ["A neighbour is silent."], "it is so still"
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
