"""What several commands need: the running region, and errors as one sentence."""

import json
import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

DATA = Path(".peercafe")
Data = Annotated[Path, typer.Option("--data", envvar="DATA", help="The embedded region's data folder.")]
OfRegion = Annotated[
    str | None, typer.Option("--region", help="Which of the regions of `make federation` under --data.")
]


def of(data: Path, region: str | None) -> Path:
    """The data folder of one of several regions; `data` itself where none is named."""
    from deploy.federation.running import folder_of

    return data if region is None else folder_of(data, region)


def command(words: str, data: Path, region: str | None = None) -> str:
    """A command as whoever reads it types it: with `--region` and `--data` as far as they are needed."""
    which = "" if region is None else f" --region {region}"
    where = "" if data == DATA else f" --data {shlex.quote(str(data))}"
    return f".venv/bin/peercafe {words}{which}{where}"


def fail(sentence: str) -> NoReturn:
    """One sentence for the person at the terminal, exit status 1."""
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, style="red", markup=False)
    sys.exit(1)


def ask_which(data: Path, other_than: str = "") -> None:
    """Ends the command where `data` holds several regions, each with its own folder: one of them must be named."""
    from deploy.embedded.addresses import REGION_FILE

    there = sorted(file.parent.name for file in (data / "regions").glob(f"*/{REGION_FILE}"))
    if named := [f"--region {region}" for region in there if region != other_than]:
        fail(f"{data} holds the regions of `make federation`: say which, with {' or '.join(named)}.")


def none_runs(data: Path) -> NoReturn:
    """Ends the command, which needs a running region: says how to name it or to start it."""
    ask_which(data)
    start = "them with `make federation`" if data.parent.name == "regions" else "one with `make run`"
    fail(f"No region is running on {data}; start {start}, or name its folder with --data.")


def running_region(data: Path) -> dict[str, Any]:
    """What `engines.json` of the region under `data` says; ends the command when none runs there."""
    try:
        found: dict[str, Any] = json.loads((data / "engines.json").read_text())
    except FileNotFoundError:
        none_runs(data)
    return found


@contextmanager
def kafka_answers(bootstrap: str) -> Iterator[None]:
    """One sentence instead of a trace when Kafka can't be reached."""
    from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except UnknownTopicOrPartitionError:
        fail(f"Kafka at {bootstrap} has no stream of that name; a study has one from its approval on.")
    except (KafkaError, OSError):
        fail(f"Kafka at {bootstrap} doesn't answer.")
