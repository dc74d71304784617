"""`serve`, `migrate`, `topics apply`."""

import asyncio
import importlib
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Any

from deploy.command.options import fail, kafka_answers, running_region

REGIONS = Path(__file__).parents[1] / "regions"
NORTH = REGIONS / "north.toml"
GRACE_SECONDS = 15  # for requests under way; whoever stops us waits longer
WITH_DATABASE = ("identity", "forum", "events", "notifications", "analytics")
SERVICES = (*WITH_DATABASE, "web")


def serve_all(data: Path, region_file: Path, *, port: int, address: str) -> None:
    """A whole region in this process, until it is told to stop."""
    import uvloop

    from deploy.embedded.errors import StartFailure
    from deploy.embedded.region import Region

    try:
        uvloop.run(Region(data=data, region_file=region_file.absolute(), port=port, address=address).run())
    except StartFailure as failure:
        fail(str(failure))


def serve_one(name: str, *, port: int, address: str) -> None:
    """One service, its settings from the environment: what a container runs."""
    import uvicorn

    from deploy import collector
    from deploy.command.whole_answers import Connection
    from shared.telemetry import logging

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            collector.settle()

    logging.configure(name)
    app = importlib.import_module(f"services.{_known(name)}.app").create_app(_settings(name))
    server = Server(
        uvicorn.Config(
            app,
            host=address,
            port=port,
            loop="uvloop",
            http=Connection,
            ws="none",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it once more when all is closed
        server.run()


def migrate(name: str | None) -> None:
    """One service's database, or all."""
    from shared.database.migrations import HalfFinishedMigration
    from shared.database.migrations import migrate as to_newest

    for service in [_known(name)] if name else WITH_DATABASE:
        try:
            asyncio.run(to_newest(_settings(service).database_url.get_secret_value(), service))
        except HalfFinishedMigration as error:
            fail(str(error))


def apply_topics(data: Path, bootstrap: str | None, neighbours: list[str]) -> None:
    """Tell what was made, widened and configured; without `bootstrap` at the embedded region of `data`."""
    import typer

    from deploy.federation.neighbours import Federation, mirrored_topics
    from deploy.kafka.topics import apply
    from shared.contracts.topics import CATALOGUE
    from shared.settings import KafkaSettings

    if bootstrap is None:
        bootstrap = str(running_region(data)["kafka"])
        neighbours = [*Federation.of(data).regions, *neighbours]
    topics = [*CATALOGUE, *mirrored_topics(neighbours)]
    with kafka_answers(bootstrap):
        done = asyncio.run(apply(KafkaSettings(bootstrap_servers=bootstrap), topics, patience=5))
    typer.echo(f"made {len(done.made)}, widened {len(done.widened)}, configured {len(done.configured)}")


def _known(name: str) -> str:
    if name not in SERVICES:
        fail(f"There is no service {name!r}; there are {', '.join(SERVICES)}.")
    return name


def _settings(name: str) -> Any:
    """From the environment; ends the command with a sentence for each name that is missing or wrong, never its value."""
    from pydantic import ValidationError

    settings = importlib.import_module(f"services.{name}.settings").Settings
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config["env_prefix"]
        said = []
        for item in error.errors(include_input=False, include_url=False):
            variable = prefix + "__".join(str(part) for part in item["loc"]).upper()
            wrong = "is missing" if item["type"] == "missing" else f"can't be used ({item['type']})"
            said.append(f"{variable} {wrong}.")
        fail("\n".join([*said, "docs/settings.md says what each is."]))
