"""The words of `peercafe dlq`."""

from typing import Annotated

import typer

from deploy.command.options import DATA, Data, OfRegion, of, running_region

dlq = typer.Typer(no_args_is_help=True, help="Records that a consumer could not take.")


@dlq.command("list")
def list_all(
    data: Data = DATA, bootstrap: Annotated[str | None, typer.Option()] = None, region: OfRegion = None
) -> None:
    """All dead letters: which record, whose consumer, what was wrong."""
    from deploy.command import dead_letters

    dead_letters.list_all(bootstrap or str(running_region(of(data, region))["kafka"]))


@dlq.command("show")
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` shows it.")],
    data: Data = DATA,
    bootstrap: Annotated[str | None, typer.Option()] = None,
    region: OfRegion = None,
) -> None:
    """One dead letter with its record, as JSON."""
    from deploy.command import dead_letters

    dead_letters.show(letter, bootstrap or str(running_region(of(data, region))["kafka"]))


@dlq.command("replay")
def replay(
    service: Annotated[str, typer.Argument(help="Whose dead letters.")],
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which; else all.")] = None,
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """Hand records to their consumer's own handler again; publishes nothing."""
    from deploy.command import dead_letters

    dead_letters.replay_all(service, letters or [], of(data, region))
