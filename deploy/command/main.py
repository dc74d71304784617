"""`peercafe`: everything an operator or developer does with a region.

Imports are lazy: each command loads only what it needs.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.command import options
from deploy.command.federating import federation
from deploy.command.letters import dlq
from deploy.command.options import DATA, Data, OfRegion

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
community = typer.Typer(no_args_is_help=True, help="Communities of a region.")
study = typer.Typer(no_args_is_help=True, help="Studies: approved by an operator, never by the analyst.")
topics = typer.Typer(no_args_is_help=True, help="Kafka's topics.")
replay = typer.Typer(no_args_is_help=True, help="Play through the public HTTP API what happened elsewhere.")
for name, commands in {
    "community": community,
    "dlq": dlq,
    "federation": federation,
    "replay": replay,
    "study": study,
    "topics": topics,
}.items():
    app.add_typer(commands, name=name)

GatewayUrl = Annotated[str | None, typer.Option("--gateway", help="A region's gateway, instead of --data.")]
Invitation = Annotated[
    str | None, typer.Option("--invitation", help="An operator's invitation code, with --gateway.")
]


class Role(StrEnum):
    """Who may be invited."""

    MEMBER = "member"
    CONSULTANT = "consultant"
    PROVIDER = "provider"
    ANALYST = "analyst"
    OPERATOR = "operator"


@app.command()
def serve(
    what: Annotated[str, typer.Argument(help="all, or one service")],
    data: Data = DATA,
    port: Annotated[int, typer.Option(envvar="PORT")] = 8080,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    region_file: Annotated[Path | None, typer.Option(help="Facts of the region (TOML).")] = None,
) -> None:
    """Run a whole region here (`all`), or one service as the environment says."""
    from deploy.command import serving

    if what == "all":
        serving.serve_all(data, region_file or serving.NORTH, port=port, address=address)
    else:
        serving.serve_one(what, port=port, address=address)


@app.command()
def engines(data: Data = DATA, region: OfRegion = None) -> None:
    """Print where the embedded region's engines are, as JSON with plain DSNs."""
    import json

    found = options.running_region(options.of(data, region))
    typer.echo("The databases' passwords stand in these addresses: keep them to yourself.", err=True)
    typer.echo(json.dumps(found, indent=2))


@app.command()
def status(data: Data = DATA, region: OfRegion = None) -> None:
    """How each service of the embedded region is doing; exit status 1 when something waits or fails."""
    from deploy.command import status

    where = options.of(data, region)
    well = status.show(str(options.running_region(where)["operators"]))
    sys.exit(0 if status.show_notices(where) and well else 1)


@app.command()
def migrate(service: Annotated[str | None, typer.Argument(help="One service; else all.")] = None) -> None:
    """Bring databases to the newest revision, as the environment's settings say."""
    from deploy.command import serving

    serving.migrate(service)


@app.command()
def backup(
    to: Annotated[
        Path,
        typer.Option(
            "--to", help="The folder of backups: each is a new one in it, named after region and time."
        ),
    ],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Also copy the region's keys into this file, for a safe place."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="The keys may lie beside the backup that they open.")
    ] = False,
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """Back up all databases while the region runs. Sealed: it opens with the region's keys only, which aren't in it."""
    from deploy.command import backup as backing_up

    backing_up.run(options.of(data, region), to, keys, together=together)


@app.command()
def restore(
    backup: Annotated[Path, typer.Option("--from", help="The folder that `backup` made.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="The region's keys, for a data folder that has none.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="The databases that are there may go.")] = False,
    data: Data = DATA,
    region: OfRegion = None,
) -> None:
    """Put a backup in place of a stopped region's databases.

    At its next start the region reads Kafka back: what reached Kafka since the backup is there again, and who has
    left since then leaves again.
    """
    from deploy.command import restore as restoring

    restoring.run(options.of(data, region), backup, keys, replacing=replace)


@topics.command("apply")
def topics_apply(
    data: Data = DATA,
    bootstrap: Annotated[str | None, typer.Option()] = None,
    neighbour: Annotated[
        list[str] | None, typer.Option(help="Also the copies of this region's; may be repeated.")
    ] = None,
    region: OfRegion = None,
) -> None:
    """Make Kafka's topics what the catalogue says; of an embedded region also the copies of its neighbours'."""
    from deploy.command import serving

    serving.apply_topics(options.of(data, region), bootstrap, neighbour or [])


@community.command("add")
def community_add(
    community_name: Annotated[str, typer.Argument(metavar="NAME")],
    area: Annotated[str, typer.Option(help="Where it is, in words.")],
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: OfRegion = None,
) -> None:
    """Make a community and print its id."""
    from deploy.command.operators import operator

    with operator(options.of(data, region), gateway, invitation) as by:
        typer.echo(by.add_community(community_name, area))


@app.command()
def invite(
    role: Annotated[Role, typer.Option(help="Whom to invite.")],
    community: Annotated[
        list[str] | None, typer.Option(help="Name or id; may be repeated for a consultant.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=50)] = 1,
    days: Annotated[int, typer.Option(min=1, max=60, help="How long they are open.")] = 14,
    same_as: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE",
            help="For a consultant who has an account in another region: the id of their forum profile there, as in"
            " the address of its page, /forum/names/PROFILE.",
        ),
    ] = None,
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: OfRegion = None,
) -> None:
    """Print one-time invitation codes."""
    from deploy.command.operators import operator, profile_of

    first = None if same_as is None else profile_of(same_as)
    with operator(options.of(data, region), gateway, invitation) as by:
        for code in by.invite(role.value, community or [], count=count, days=days, same_as=first):
            typer.echo(code)


@study.command("add")
def study_add(
    study_id: Annotated[str, typer.Argument(metavar="STUDY", help="Id of a study that an analyst proposed.")],
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: OfRegion = None,
) -> None:
    """Approve a study (analysts propose them by the API); it is open from then on."""
    from deploy.command.operators import operator

    with operator(options.of(data, region), gateway, invitation) as by:
        typer.echo(by.approve_study(study_id))


@study.command("close")
def study_close(
    study_id: Annotated[str, typer.Argument(metavar="STUDY")],
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: OfRegion = None,
) -> None:
    """Close a study; what may be published is then made, once."""
    from deploy.command.operators import operator

    with operator(options.of(data, region), gateway, invitation) as by:
        typer.echo(by.close_study(study_id))


@replay.command("study")
def replay_study(
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Of the regions of `make federation` under --data; twice: one community in each."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Play the study and print its figures."""
    from deploy.command import replaying

    sys.exit(replaying.study(data, gateway, invitation, region or [], as_json=as_json))


@replay.command("threads")
def replay_threads(
    file: Annotated[Path, typer.Argument(help="NDJSON of threads with replies.")],
    data: Data = DATA,
    gateway: GatewayUrl = None,
    invitation: Invitation = None,
    region: OfRegion = None,
) -> None:
    """Load threads and replies through the API, as invited members of a community of their own."""
    from deploy.command import replaying

    sys.exit(replaying.threads(file, options.of(data, region), gateway, invitation))


@app.command()
def stream(
    what: Annotated[str, typer.Argument(metavar="summary|STUDY")],
    data: Data = DATA,
    bootstrap: Annotated[str | None, typer.Option()] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on after the present end.")] = False,
    region: OfRegion = None,
) -> None:
    """Print an analyst's event stream as NDJSON."""
    from deploy.command import streams

    kafka = bootstrap or str(options.running_region(options.of(data, region))["kafka"])
    streams.print_stream(what, kafka, follow=follow)


def main() -> Any:
    """The console script."""
    return app()


if __name__ == "__main__":
    main()
