"""`federation status`: each link, what of it waits, and what digests say, in words or as JSON."""

import asyncio
import json
from pathlib import Path

from deploy.command.options import fail, kafka_answers, running_region
from deploy.federation.status import LinkStatus, TopicStatus, status_of

WAITING = ("waiting", "seconds")
DIGESTS = ("compared", "behind", "different", "alarmed", "repaired", "refused")


def show(datas: list[Path], *, as_json: bool) -> bool:
    """Of each region; returns whether all is well with all links."""
    found = dict(_asked(data) for data in datas)
    if as_json:
        shown = {region: [link.as_json() for link in links] for region, links in found.items()}
        print(json.dumps(shown, indent=2))  # noqa: T201
    else:
        for region, links in found.items():
            _tell(region, links)
    return all(link.well for links in found.values() for link in links)


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


def _asked(data: Path) -> tuple[str, list[LinkStatus]]:
    import httpx

    from deploy.federation.neighbours import Unreadable

    engines = running_region(data)
    try:
        with kafka_answers(str(engines["kafka"])):
            return asyncio.run(status_of(data))
    except httpx.HTTPError:
        fail(f"The region doesn't answer at {engines['operators']}.")
    except Unreadable as error:
        fail(str(error))


def _tell(region: str, links: list[LinkStatus]) -> None:
    if not links:
        print(f"{region} has no neighbours.")  # noqa: T201
    for link in links:
        heard = "not heard yet" if link.heard is None else f"heard {link.heard:.0f} s ago"
        muted = f"; {link.neighbour} is muted here" if link.muted else ""
        print(f"{region} pulls from {link.neighbour}: link {link.link}, {heard}{muted}")  # noqa: T201
        for worry in link.worries:
            print(f"  not well: {worry}")  # noqa: T201
        rows = [("", *WAITING, *DIGESTS), *map(_row, link.topics)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
            print("  " + "  ".join(cells))  # noqa: T201
    if links:
        print(  # noqa: T201
            "waiting: the neighbour's records that aren't here yet, and for how many seconds;"
            " compared: seconds since its digests were compared with what is ours, and what they said of our buckets;"
            " refused: its records that weren't believed."
        )


def _row(topic: TopicStatus) -> tuple[str, ...]:
    digests = topic.digests
    return (
        topic.topic,
        "?" if topic.records is None else str(topic.records),
        _seconds(topic.seconds),
        _seconds(digests.compared),
        *(str(getattr(digests, name)) for name in DIGESTS[1:]),
    )


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.0f}"
