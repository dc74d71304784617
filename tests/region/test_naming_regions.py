"""Where a folder holds several regions, a command about one says so, and what is advised can be typed as it stands."""

import re
import shlex
import sys
from asyncio import create_subprocess_exec, subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.command import options
from deploy.command.main import app
from deploy.command.muting import done
from deploy.command.two_regions import opening
from deploy.embedded.addresses import REGION_FILE
from deploy.federation.running import Running, folder_of, listen
from services.forum.rules.identities import entity_id, profile_id

READY = "from deploy.embedded.progress import Progress; Progress().ready('http://127.0.0.1:9', 'ONCE-ONLY')"


def ask(data: Path, *words: str) -> str:
    """What a command that can't be done says."""
    ran = CliRunner().invoke(app, [*words, "--data", str(data)])
    assert ran.exit_code == 1, ran.output
    [said] = ran.output.strip().splitlines()
    return said


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """The data folder of `make federation`, stopped."""
    for region in ("north", "south"):
        folder_of(tmp_path, region).mkdir(parents=True)
        (folder_of(tmp_path, region) / REGION_FILE).touch()
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "engines",
        "status",
        "invite --role member",
        "community add Here --area There",
        "study close x",
        "stream summary",
        "dlq list",
        "dlq show x",
        "dlq replay forum",
        "topics apply",
        "backup --to there",
        "restore --from there",
        "replay study",
        "federation mute east",
        "federation link east stop",
        "federation reset-link east",
        "federation leave east",
        "federation join east --bootstrap 10.0.0.3:9093",
        "federation rebuild",
    ],
)
def test_a_command_about_one_of_several_regions_asks_which(both: Path, words: str) -> None:
    assert "say which, with --region north or --region south." in ask(both, *words.split())
    named = (
        ask(both, *words.split(), "--region", "north")
        if "join" not in words and "restore" not in words
        else ""
    )
    assert "say which" not in named


def test_a_neighbour_is_not_offered_as_the_region_whose_neighbour_it_is(both: Path) -> None:
    assert ask(both, "federation", "link", "south", "stop").endswith("say which, with --region north.")


def test_a_region_that_is_named_and_stopped_is_started_with_its_neighbours(both: Path) -> None:
    assert "start them with `make federation`" in ask(both, "status", "--region", "north")


def test_where_there_is_no_region_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    assert "start one with `make run`" in ask(tmp_path, "status")


@pytest.mark.parametrize(
    ("data", "region", "typed"),
    [
        (options.DATA, None, ".venv/bin/peercafe status"),
        (options.DATA, "north", ".venv/bin/peercafe status --region north"),
        (Path("/a b"), "north", ".venv/bin/peercafe status --region north --data '/a b'"),
    ],
)
def test_an_advised_command_names_region_and_folder_where_they_are_needed(
    data: Path, region: str | None, typed: str
) -> None:
    assert options.command("status", data, region) == typed


def test_a_mute_is_taken_back_by_the_command_that_it_says() -> None:
    said = done(options.DATA, "north", "south", muted=True)
    assert "`.venv/bin/peercafe federation unmute south --region north`" in said


async def test_a_first_invitation_is_said_beside_the_address_where_it_is_used(tmp_path: Path) -> None:
    process = await create_subprocess_exec(sys.executable, "-c", READY, stdout=subprocess.PIPE)
    region, passed_on = Running("north", tmp_path, process), list[str]()
    await listen(region, passed_on.append)
    assert await process.wait() == 0
    said = opening([region], tmp_path)
    assert said[0] == "Peercafe north is open at http://127.0.0.1:9"
    assert said[1].endswith("types the invitation ONCE-ONLY")
    assert not re.search("ONCE-ONLY|is open at", "".join(passed_on)), (
        "said once, not before all are open as well"
    )
    typed = [shlex.split(line.partition(": ")[2]) for line in said if ".venv/bin/peercafe" in line]
    assert typed == [
        [".venv/bin/peercafe", "federation", "status", "--data", str(tmp_path)],
        [".venv/bin/peercafe", "status", "--region", "north", "--data", str(tmp_path)],
    ]


@pytest.mark.parametrize("said", ["nonsense", "{entity}", "{profile}0", "/forum/names/{profile}"])
def test_an_account_elsewhere_is_named_by_what_can_be_a_profiles_id(tmp_path: Path, said: str) -> None:
    ids = {
        "entity": entity_id("south", 1_700_000_000_000, b"1" * 16),
        "profile": profile_id("south", b"1" * 16),
    }
    complaint = ask(tmp_path, "invite", "--role", "consultant", "--same-as", said.format(**ids))
    assert "isn't the id of a forum profile" in complaint
    assert "/forum/names/" in complaint


def test_a_profiles_id_is_taken(tmp_path: Path) -> None:
    same_as = str(profile_id("south", b"1" * 16))
    assert "No region is running" in ask(tmp_path, "invite", "--role", "consultant", "--same-as", same_as)
