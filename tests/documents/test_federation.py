"""docs/federation.md: its commands are ones that there are, and its table of what crosses a border is the contracts'."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from deploy.command.main import app
from shared.contracts.payloads.payload import State
from shared.contracts.topics import CATALOGUE

DOCUMENT = Path(__file__).parents[2] / "docs" / "federation.md"
TABLE = re.compile(r"<!-- crossing: [^\n]*-->\n(.*?)<!-- crossing end -->", re.DOTALL)
ROW = re.compile(r"^\| `(shared\.[a-z0-9.]+)` \| ([^|]*) \|", re.MULTILINE)


def commands() -> list[list[str]]:
    """What stands behind `peercafe` in the page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line[1:] for line in lines if line[:1] == ["peercafe"]]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and what is left of them."""
    found: Any = get_command(app)
    while words and hasattr(found, "commands"):
        assert words[0] in found.commands, words
        found, words = found.commands[words[0]], words[1:]
    return found, words


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_of_the_page_is_understood(command: list[str]) -> None:
    found, words = command_of(command)
    found.make_context(command[-len(words) - 1], words)  # raises UsageError for what isn't an option of it


def test_every_word_of_federation_stands_on_the_page() -> None:
    federation, _ = command_of(["federation"])
    told = {command[1] for command in commands() if command[0] == "federation"}
    assert told == federation.commands.keys() - {"run"}  # `make federation`


def test_what_crosses_a_border_is_told_field_by_field() -> None:
    [table] = TABLE.findall(DOCUMENT.read_text("utf-8"))
    told = {topic: set(re.findall(r"`([a-z_]+)`", fields)) for topic, fields in ROW.findall(table)}
    crossing = {
        topic.name: {field for payload in topic.payloads for field in payload.model_fields}
        - set(State.model_fields)
        for topic in CATALOGUE
        if topic.mirrored
    }
    assert told == {topic: fields - {"id"} for topic, fields in crossing.items()}
