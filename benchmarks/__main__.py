"""`python -m benchmarks [part…]`: measure, print the table, keep it."""

import asyncio
import importlib
import sys

from rich.console import Console

from benchmarks.lines import Result
from benchmarks.report import write
from tests.engines import Engines, running_engines

PARTS = ("writing", "reading", "relaying")


async def measure(engines: Engines, parts: list[str], console: Console) -> list[Result]:
    """Run the parts in order, saying which is under way."""
    results: list[Result] = []
    for part in parts:
        with console.status(f"measuring {part} …"):
            results += await importlib.import_module(f"benchmarks.{part}").measure(engines)
        for result in results[-3:]:
            console.log(f"{result.line.name}: {result.ratio:.2f}")
    return results


def main() -> None:
    """Exit status 1 when a floor isn't held."""
    console = Console()
    with running_engines(durable=True) as engines:
        results = asyncio.run(measure(engines, sys.argv[1:] or list(PARTS), console))
    write(results, console)
    sys.exit(0 if all(result.holds_floor for result in results) else 1)


if __name__ == "__main__":
    main()
