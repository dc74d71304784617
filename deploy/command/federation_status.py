"""`federation status`: each link and what of it waits, in words or as JSON."""

import asyncio
import json
from pathlib import Path

from deploy.command.options import fail, running_region
from deploy.federation.lag import Lag
from deploy.federation.status import LinkStatus, status_of

HEAD = ("topic", "records", "seconds")


def show(datas: list[Path], *, as_json: bool) -> bool:
    """Of each region; returns whether all links are up."""
    found: dict[str, list[LinkStatus]] = {}
    for data in datas:
        kafka = running_region(data)["kafka"]
        region, links = asyncio.run(_asked(data, str(kafka)))
        found[region] = links
    if as_json:
        shown = {region: [link.as_json() for link in links] for region, links in found.items()}
        print(json.dumps(shown, indent=2))  # noqa: T201
    else:
        for region, links in found.items():
            _tell(region, links)
    return all(link.well for links in found.values() for link in links)


async def _asked(data: Path, kafka: str) -> tuple[str, list[LinkStatus]]:
    from deploy.command.options import kafka_answers

    with kafka_answers(kafka):
        return await status_of(data)


def _tell(region: str, links: list[LinkStatus]) -> None:
    if not links:
        print(f"{region} has no neighbours.")  # noqa: T201
    for link in links:
        print(f"{region} ← {link.neighbour}: link {link.link}")  # noqa: T201
        if link.topics:
            rows = [HEAD, *map(_row, link.topics)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
                print("  " + "  ".join(cells))  # noqa: T201


def _row(lag: Lag) -> tuple[str, ...]:
    seconds = "–" if lag.seconds is None else f"{lag.seconds:.0f}"
    return lag.topic, "?" if lag.records is None else str(lag.records), seconds


def regions_in(data: Path) -> list[Path]:
    """The region of a data folder, or those of `make federation` in it that run."""
    several = sorted(path.parent for path in (data / "regions").glob("*/engines.json"))
    if (data / "engines.json").exists():
        return [data, *several]
    if not several:
        fail(
            f"No region is running on {data}; start two with `make federation`, or name a folder with --data."
        )
    return several
