"""`federation run`: two regions on this machine."""

import asyncio
from pathlib import Path

from deploy.command.options import fail

REGIONS = Path(__file__).parents[1] / "regions"
NAMES = ("north", "south")


def run(data: Path, port: int) -> None:
    """Two embedded regions, until Ctrl-C."""
    from deploy.federation.neighbours import Unreadable
    from deploy.federation.running import Running, folder_of
    from deploy.federation.running import run as run_all

    def opened(running: list[Running]) -> None:
        print()  # noqa: T201
        for one in running:
            print(f"Peercafe {one.region} is open at {one.address}", flush=True)  # noqa: T201
            if one.invitation:
                print(f"  first peer consultant there, once: {one.invitation}")  # noqa: T201
        print(  # noqa: T201
            "How the links are: peercafe federation status"
            f" --data {data}\nCtrl-C stops everything; the data stays.",
            flush=True,
        )

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
