"""How regions on different machines become neighbours, and stop being so."""

from pathlib import Path

import pytest

from deploy.command.links import join, leave, link, reset_link
from deploy.federation.neighbours import FILE, Doorway, Federation, Neighbour
from deploy.federation.resetting import reset_done, resets_asked
from tests.region.running import ROOT


@pytest.fixture
def north(tmp_path: Path) -> Path:
    return stopped(tmp_path, "north")


@pytest.fixture
def south(tmp_path: Path) -> Path:
    return stopped(tmp_path, "south")


def stopped(folder: Path, region: str) -> Path:
    """The data folder of a region that has run and doesn't now."""
    data = folder / region
    data.mkdir()
    (data / "region.toml").write_bytes((ROOT / "deploy" / "regions" / f"{region}.toml").read_bytes())
    return data


def test_each_lets_the_other_in_with_a_key_that_goes_by_hand(north: Path, south: Path) -> None:
    join(north, "south", "10.0.0.2:9093", None, "10.0.0.1:9093")
    assert Federation.of(north).neighbour("south") == Neighbour("south", "10.0.0.2:9093", "", linked=False)
    join(south, "north", "10.0.0.1:9093", north / "key-for-south.json", "10.0.0.2:9093")
    join(north, "south", "10.0.0.2:9093", south / "key-for-north.json", None)
    of_north, of_south = Federation.of(north), Federation.of(south)
    assert of_north.linked == (Neighbour("south", "10.0.0.2:9093", of_south.admitted["north"]),)
    assert of_south.linked == (Neighbour("north", "10.0.0.1:9093", of_north.admitted["south"]),)
    assert of_north.doorway == Doorway("10.0.0.1", 9093)
    assert (north / "key-for-south.json").stat().st_mode & 0o077 == 0


def test_joining_again_changes_the_place_and_keeps_the_key(north: Path, south: Path) -> None:
    join(north, "south", "10.0.0.2:9093", None, None)
    join(south, "north", "10.0.0.1:9093", north / "key-for-south.json", None)
    before = Federation.of(south)
    join(south, "north", "10.0.0.9:9093", None, None)
    after = Federation.of(south)
    assert after.linked == (Neighbour("north", "10.0.0.9:9093", before.neighbour("north").password),)
    assert (after.admitted, after.doorway) == (before.admitted, before.doorway)


def test_a_stopped_link_stays_stopped_until_it_is_started(
    north: Path, south: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    join(north, "south", "10.0.0.2:9093", None, None)
    join(south, "north", "10.0.0.1:9093", north / "key-for-south.json", None)
    link(south, "north", start=False)
    assert Federation.of(south).linked == ()
    assert Federation.of(south).regions == ("north",)
    link(south, "north", start=False)
    assert "already" in capsys.readouterr().out
    link(south, "north", start=True)
    assert [one.region for one in Federation.of(south).linked] == ["north"]


def test_a_reset_is_left_to_the_region_and_changes_no_link(
    north: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    join(north, "south", "10.0.0.2:9093", None, None)
    before = Federation.of(north)
    reset_link(north, "south")
    assert resets_asked(north) == ["south"]
    assert Federation.of(north) == before
    assert "once its link is started" in capsys.readouterr().out
    reset_done(north, "south")
    assert resets_asked(north) == []


def test_who_leaves_is_neither_pulled_from_nor_let_in(north: Path, south: Path) -> None:
    join(north, "south", "10.0.0.2:9093", None, None)
    leave(north, "south")
    left = Federation.of(north)
    assert (left.regions, left.admitted, left.left) == ((), {}, ("south",))
    assert not (north / "key-for-south.json").exists()


def with_anothers_key(north: Path, south: Path) -> None:
    join(south, "east", "10.0.0.3:9093", None, None)
    join(north, "south", "10.0.0.2:9093", south / "key-for-east.json", None)


def half_saved(north: Path, _: Path) -> None:
    (north / FILE).write_text('{"neighbours": [')
    leave(north, "south")


def misspelt(north: Path, _: Path) -> None:
    join(north, "south", "10.0.0.2:9093", None, None)
    (north / FILE).write_text((north / FILE).read_text().replace("bootstrap", "bootstarp"))
    link(north, "south", start=False)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda north, _: join(north, "north", "10.0.0.1:9093", None, None), "this region itself"),
        (lambda north, _: link(north, "east", start=True), "east is no neighbour"),
        (lambda north, _: leave(north, "east"), "east is no neighbour"),
        (lambda north, _: join(north, "south", "nowhere", None, None), "HOST:PORT"),
        (lambda north, _: join(north, "south", "a:1", None, "everywhere"), "ADDRESS:PORT"),
        (lambda north, _: join(north, "South Pole", "a:1", None, None), "no region's name"),
        (lambda north, _: join(north, "south", "a:1", north / "region.toml", None), "can't be read"),
        (with_anothers_key, "isn't the key"),
        (half_saved, "federation.json can't be read"),
        (misspelt, "federation.json can't be read"),
        (lambda north, _: join(north / "nothing", "south", "a:1", None, None), "no region in"),
    ],
)
def test_mistakes_are_one_sentence(
    mistake: object, said: str, north: Path, south: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        mistake(north, south)  # type: ignore[operator]
    complaint = capsys.readouterr().err.strip()
    assert said in complaint
    assert len(complaint.splitlines()) == 1
