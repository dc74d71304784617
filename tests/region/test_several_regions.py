"""What runs several regions listens to them whatever they say, and leaves none behind."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from deploy.federation.running import Running, listen, run
from tests.region.running import ROOT

SAYS = "print('x' * 300_000); print('after that'); print('Ctrl-C stops everything')"


async def test_a_line_of_any_length_is_passed_over_and_the_rest_is_heard(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SAYS, stdout=asyncio.subprocess.PIPE)
    region, said = Running("north", tmp_path, process), list[str]()
    await asyncio.wait_for(listen(region, said.append), 60)
    assert said[-1] == "north: after that"
    assert region.open.is_set()
    assert await process.wait() == 0


async def test_a_region_that_cannot_be_started_leaves_no_other_one_running(tmp_path: Path) -> None:
    file = ROOT / "deploy" / "regions" / "north.toml"
    regions = {
        "north": (tmp_path / "north", file, 0),
        "south": (tmp_path / "south", Path("no\0name"), 0),
    }
    with pytest.raises(ValueError, match="null byte"):
        await asyncio.wait_for(run(regions, print, print), 60)
    commands = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if str(tmp_path / "north") in command]
