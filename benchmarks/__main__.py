"""`python -m benchmarks [part…]`: measure, print the table, keep what was measured beside what was before."""

import argparse
import asyncio
import importlib
import sys
import time
from functools import partial
from typing import Any

import uvloop
from rich.console import Console
from rich.status import Status

from benchmarks.lines import Line, Result
from benchmarks.progress import showing
from benchmarks.report import write
from deploy.collector import settle
from tests.engines import Engines, running_engines

# The whole region first: later parts' engines would share memory and processor with it. Then what arrives, on new engines:
# behind a part that writes hundreds of thousands of rows its slowest hundredth tells of checkpoints and vacuum (1.97 once).
PARTS = (
    *("whole_region", "arriving", "writing", "digesting", "reading", "growing", "relaying", "consuming"),
    *("applying", "rebuilding", "linking"),
)
# These run product and peer in this process: on the loop that a region's process has.
ON_UVLOOP = {"relaying", "consuming", "arriving", "applying"}
LONG: dict[str, dict[str, Any]] = {
    "relaying": {"rows": 500_000},
    "growing": {"posts": 1_000_000},
    "rebuilding": {"posts": (500_000, 1_000_000), "rounds": 1},  # a round takes minutes
}


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Speed as ratios against the raw libraries, on real engines. Exit status 1 when a floor isn't held.",
    )
    parser.add_argument("part", nargs="*", metavar="PART", help=f"which to measure: {', '.join(PARTS)} (all)")
    parser.add_argument("--long", action="store_true", help=f"the large ones instead: {', '.join(LONG)}")
    asked = parser.parse_args()
    asked.part = asked.part or list(LONG if asked.long else PARTS)
    if unknown := [part for part in asked.part if part not in (LONG if asked.long else PARTS)]:
        parser.error(f"no part is called {unknown[0]}")
    return asked


def measure(engines: Engines, parts: list[str], console: Console, *, long: bool) -> list[Result]:
    """Run the parts in order, saying which is under way and what came of it."""
    results: list[Result] = []
    for number, part in enumerate(parts, start=1):
        began = time.monotonic()
        saying = f"{number}/{len(parts)}: measuring {part}"
        with console.status(f"{saying} …") as status:
            showing.set(partial(say, status, saying))
            module = importlib.import_module(f"benchmarks.{part}")
            settle()  # as a region's process does: ours and the peers are measured in this one
            run = uvloop.run if part in ON_UVLOOP else asyncio.run
            found = run(module.measure(engines, **(LONG[part] if long else {})))
        console.log(f"{number}/{len(parts)}: {part}, {time.monotonic() - began:.0f} s")
        for result in found:
            console.log(f"  {result.line.name}: {result.ratio:.2f} {result.notes}")
        results += found
    return results


def say(status: Status, saying: str, what: str) -> None:
    """What a part is doing."""
    status.update(f"{saying}: {what} …")


def known_lines() -> list[Line]:
    """Every line there is, in the order of the parts."""
    lines: dict[str, Line] = {}
    for part in PARTS:
        for value in vars(importlib.import_module(f"benchmarks.{part}")).values():
            if isinstance(value, Line):
                lines.setdefault(value.name, value)
    return list(lines.values())


def main() -> None:
    """Exit status 1 when a floor isn't held."""
    asked = arguments()
    console = Console()
    with running_engines(durable=True) as engines:
        results = measure(engines, asked.part, console, long=asked.long)
    held = write(results, console, known=None if asked.long else known_lines())
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
