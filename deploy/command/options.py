"""What several commands need: the running region, and errors as one sentence."""

import json
import logging
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


def fail(sentence: str) -> NoReturn:
    """One sentence for the person at the terminal, exit status 1."""
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, style="red", markup=False)
    sys.exit(1)


def running_region(data: Path) -> dict[str, Any]:
    """What `engines.json` of the region under `data` says; ends the command when none runs there."""
    try:
        found: dict[str, Any] = json.loads((data / "engines.json").read_text())
    except FileNotFoundError:
        fail(f"No region is running on {data}; start one with `make run`, or name its folder with --data.")
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
