"""The words of `peercafe federation`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.command.options import DATA, Data, OfRegion, of

federation = typer.Typer(no_args_is_help=True, help="Regions that share the forum.")
Neighbour = Annotated[str, typer.Argument(metavar="REGION", help="The neighbour, by its name.")]


class Turn(StrEnum):
    """What may be done to a link."""

    STOP = "stop"
    START = "start"


@federation.command()
def run(
    data: Data = DATA,
    port: Annotated[int, typer.Option(envvar="PORT", help="North's; south takes the next.")] = 8080,
) -> None:
    """Run two regions here, north and south, with one forum (`make federation`)."""
    from deploy.command import two_regions

    two_regions.run(data, port)


@federation.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """How the links are, of one region or of all of `make federation`; exit status 1 unless all is well."""
    from deploy.command import federation_status

    datas = federation_status.regions_in(data) if region is None else [of(data, region)]
    sys.exit(0 if federation_status.show(datas, as_json=as_json) else 1)


@federation.command()
def link(
    neighbour: Neighbour,
    turn: Annotated[Turn, typer.Argument(help="What to do with the link.")],
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """Stop or start pulling from a neighbour; stays so over restarts."""
    from deploy.command import links

    links.link(of(data, region), neighbour, start=turn is Turn.START)


@federation.command("reset-link")
def reset_link(neighbour: Neighbour, data: Data = DATA, region: OfRegion = None) -> None:
    """Mirror all that a neighbour has once more: for when it lost its Kafka, or its digests differ for good."""
    from deploy.command import links

    links.reset_link(of(data, region), neighbour)


@federation.command()
def join(
    neighbour: Neighbour,
    bootstrap: Annotated[str, typer.Option(help="HOST:PORT where its Kafka listens for neighbours.")],
    key: Annotated[
        Path | None, typer.Option(help="The file that the neighbour's `join` made for this region.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="ADDRESS:PORT where our Kafka listens for neighbours.")
    ] = None,
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """Make a region our neighbour, from the next start on. Both sides say it, each with the other's key."""
    from deploy.command import links

    links.join(of(data, region), neighbour, bootstrap, key, listen)


@federation.command()
def leave(neighbour: Neighbour, data: Data = DATA, region: OfRegion = None) -> None:
    """Pull nothing more from a neighbour and let it read nothing more."""
    from deploy.command import links

    links.leave(of(data, region), neighbour)


@federation.command()
def mute(neighbour: Neighbour, data: Data = DATA, region: OfRegion = None) -> None:
    """Let no hide and no lift of another region count here."""
    from deploy.command import muting

    muting.set_muted(data, region, neighbour, muted=True)


@federation.command()
def unmute(neighbour: Neighbour, data: Data = DATA, region: OfRegion = None) -> None:
    """Let another region's decisions count again."""
    from deploy.command import muting

    muting.set_muted(data, region, neighbour, muted=False)


@federation.command()
def rebuild(data: Data = DATA, region: OfRegion = None) -> None:
    """Fill a stopped region's forum anew from its own and the mirrored topics."""
    from deploy.command import rebuild as rebuilding

    rebuilding.run(of(data, region))
