"""docs/federation.md: its commands, and the README's, are ones that there are, and its table of what crosses a border is the contracts'."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from deploy.command.main import app
from deploy.embedded.addresses import REGION_FILE
from deploy.federation.neighbours import Doorway, Federation
from deploy.federation.running import acquaint
from shared.contracts.payloads.payload import State
from shared.contracts.topics import CATALOGUE

DOCUMENT = Path(__file__).parents[2] / "docs" / "federation.md"
README = DOCUMENT.parents[1] / "README.md"
TABLE = re.compile(r"<!-- crossing: [^\n]*-->\n(.*?)<!-- crossing end -->", re.DOTALL)
ROW = re.compile(r"^\| `(shared\.[a-z0-9.]+)` \| ([^|]*) \|", re.MULTILINE)


def commands(document: Path = DOCUMENT) -> list[list[str]]:
    """What stands behind `peercafe` in a page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line[1:] for line in lines if line and Path(line[0]).name == "peercafe"]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and what is left of them."""
    found: Any = get_command(app)
    while words and hasattr(found, "commands"):
        assert words[0] in found.commands, words
        found, words = found.commands[words[0]], words[1:]
    return found, words


@pytest.mark.parametrize(
    "command", [*commands(), *(one for one in commands(README) if one != ["--help"])], ids=" ".join
)
def test_every_command_of_the_pages_is_understood(command: list[str]) -> None:
    found, words = command_of(command)
    found.make_context(command[-len(words) - 1], words)  # raises UsageError for what isn't an option of it


def test_every_word_of_federation_stands_on_the_page() -> None:
    federation, _ = command_of(["federation"])
    told = {command[1] for command in commands() if command[0] == "federation"}
    assert told == federation.commands.keys() - {"run"}  # `make federation`


def test_after_the_drill_three_regions_know_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA", raising=False)
    datas = {region: Path(".peercafe/regions") / region for region in ("north", "south", "west")}
    for region, data in datas.items():
        data.mkdir(parents=True)
        facts = (DOCUMENT.parents[1] / "deploy" / "regions" / "south.toml").read_text("utf-8")
        (data / REGION_FILE).write_text(facts.replace('id = "south"', f'id = "{region}"'), "utf-8")
    for region, port in (("north", 19301), ("south", 19302)):
        Federation(doorway=Doorway("127.0.0.1", port)).write(datas[region])
    acquaint({region: datas[region] for region in ("north", "south")})
    for command in commands():
        if command[:2] == ["federation", "join"] and "--region" in command:
            ran = CliRunner().invoke(app, command)
            assert ran.exit_code == 0, (command, ran.output)
    known = {region: Federation.of(data) for region, data in datas.items()}
    for region, federation in known.items():
        assert {*federation.regions} == known.keys() - {region}
        for one in federation.linked:
            there = known[one.region]
            assert there.doorway is not None
            assert (one.bootstrap, one.password) == (there.doorway.place, there.admitted[region])
        assert len(federation.linked) == 2


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
