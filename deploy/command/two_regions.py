"""`federation run`: two regions on this machine."""

import asyncio
from pathlib import Path

from deploy.command.options import command, fail
from deploy.federation.running import Running

REGIONS = Path(__file__).parents[1] / "regions"
NAMES = ("north", "south")


def run(data: Path, port: int) -> None:
    """Two embedded regions, until Ctrl-C."""
    from deploy.federation.neighbours import Unreadable
    from deploy.federation.running import folder_of
    from deploy.federation.running import run as run_all

    def opened(running: list[Running]) -> None:
        print("", *opening(running, data), sep="\n", flush=True)  # noqa: T201

    regions = {
        name: (folder_of(data.absolute(), name), REGIONS / f"{name}.toml", port and port + number)
        for number, name in enumerate(NAMES)
    }
    try:
        ended_well = asyncio.run(run_all(regions, lambda line: print(line, flush=True), opened))  # noqa: T201
    except Unreadable as error:
        fail(str(error))
    if not ended_well:
        fail("A region ended by itself; what it said stands above.")


def opening(running: list[Running], data: Path) -> list[str]:
    """What is said when all are open: where, the first invitation beside it, and what to type next."""
    lines = []
    for one in running:
        lines.append(f"Peercafe {one.region} is open at {one.address}")
        if one.invitation:
            lines.append(
                "  The first peer consultant chooses “I have an invitation” there, once, and types the invitation"
                f" {one.invitation}"
            )
    return [
        *lines,
        f"How the links are: {command('federation status', data)}",
        f"Commands about one region name it: {command('status', data, running[0].region)}",
        "Ctrl-C stops everything; the data stays.",
    ]
