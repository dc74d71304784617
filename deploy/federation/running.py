"""Two or more embedded regions with one forum, on one machine, by one command.

Each region is a process of its own (`peercafe serve all`) with its data in `DATA/regions/NAME`. What it says is printed
behind its name. They are stopped together, and if one can't start or ends, so are the others.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.embedded.ports import free_port
from deploy.federation.neighbours import Doorway, Federation, Neighbour

OPEN = re.compile(r"^Peercafe is open at (\S+)")
INVITED = re.compile(r"types the invitation (\S+)")
READY = "Ctrl-C stops everything"


def folder_of(data: Path, region: str) -> Path:
    """Where a region of several has its own data folder."""
    return data / "regions" / region


def acquaint(datas: dict[str, Path]) -> None:
    """Make regions that run on one machine each other's neighbours: ports and passwords, kept once they are made."""
    known = {region: Federation.of(data) for region, data in datas.items()}
    for region, federation in known.items():
        if federation.doorway is None:
            known[region] = replace(federation, doorway=Doorway("127.0.0.1", free_port()))
    for region in datas:
        for other in datas:
            if other != region:
                known[region] = known[region].admitting(other)
    for region, data in datas.items():
        federation = known[region]
        for other in datas:
            if other == region:
                continue
            doorway = known[other].doorway
            assert doorway is not None
            linked = all(one.linked for one in federation.neighbours if one.region == other)
            federation = federation.joined(
                Neighbour(other, doorway.place, known[other].admitted[region], linked)
            )
        federation.write(data)


@dataclass
class Running:
    """One region's process, and what it has said of itself."""

    region: str
    data: Path
    process: asyncio.subprocess.Process
    address: str = ""
    invitation: str = ""  # of the first peer consultant, until one has joined
    open: asyncio.Event = field(default_factory=asyncio.Event)


async def run(
    regions: Mapping[str, tuple[Path, Path, int]],
    say: Callable[[str], None],
    opened: Callable[[list[Running]], None],
) -> bool:
    """Run regions (name → data folder, region file, port) until SIGINT or SIGTERM, or until one ends by itself.

    `say` gets what they say, `opened` is told when all are open. Returns whether all ended as they were asked to.
    """
    acquaint({region: data for region, (data, _, _) in regions.items()})
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running: list[Running] = []
    listening: list[asyncio.Task[None]] = []
    ended: list[asyncio.Task[int]] = []
    asked = asyncio.create_task(stop.wait())
    all_open: asyncio.Task[None] | None = None
    try:
        for region, (data, region_file, port) in regions.items():
            one = Running(region, data, await _start(data, region_file, port))
            running.append(one)
            listening.append(asyncio.create_task(listen(one, say)))
            ended.append(asyncio.create_task(one.process.wait()))
        all_open = asyncio.create_task(_all_open(running))
        await asyncio.wait([asked, *ended, all_open], return_when=asyncio.FIRST_COMPLETED)
        if all_open.done():
            opened(running)
            await asyncio.wait([asked, *ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in running:
            if one.process.returncode is None:
                one.process.send_signal(signal.SIGINT)
        await asyncio.gather(*ended, *listening)
        asked.cancel()
        if all_open is not None:
            all_open.cancel()
    return stop.is_set() and not any(one.process.returncode for one in running)


async def _all_open(running: list[Running]) -> None:
    for one in running:
        await one.open.wait()


async def _start(data: Path, region_file: Path, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.command.main", "serve", "all", "--port", str(port)),
        *("--data", str(data), "--region-file", str(region_file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone, and each region once
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


async def listen(one: Running, say: Callable[[str], None]) -> None:
    """What it says goes on behind its name; what all want to see at once, addresses and invitations, is kept.

    To the end of its output whatever it says: a region that nobody listens to stands still.
    """
    assert one.process.stdout is not None
    while True:
        try:
            line = await one.process.stdout.readline()
        except ValueError:
            continue  # too long, and thrown away up to here
        if not line:
            return
        said = line.decode(errors="replace").rstrip()
        if found := OPEN.match(said):
            one.address = found[1]
        elif found := INVITED.search(said):
            one.invitation = found[1]
        elif said.startswith(READY):
            one.open.set()
        elif said:
            with suppress(OSError):  # nobody reads it any more
                say(f"{one.region}: {said}")
