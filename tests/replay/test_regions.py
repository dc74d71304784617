"""The study in several regions: each counts its own, together they are the study's figures; nobody answers what hasn't come."""

from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from replay.gateway import Gateway
from replay.regions import RegionsReplay, TooManyRegions, added_up
from replay.stories import Stories
from replay.study import StudyReplay

NOWHERE = "http://nowhere.invalid"


def figures(stories: Stories, places: list[str] | None) -> dict[str, Any]:
    bars = Progress(console=Console(quiet=True))
    return StudyReplay(Gateway(NOWHERE), "", stories, bars, places).figures()


def test_the_figures_of_both_regions_added_up_are_those_of_one() -> None:
    stories = Stories()
    one, other = (figures(stories, [community.name]) for community in stories.communities)
    assert one["views"] != other["views"]
    assert added_up([one, other]) == figures(stories, None)
    assert figures(stories, None)["views"] == 1870
    assert figures(stories, None)["posts"] == 524


def test_what_one_region_leaves_out_isnt_told_of_all() -> None:
    shown = figures(Stories(), None)
    together = added_up([shown | {"members_who_came": None}, shown])
    assert together["members_who_came"] is None
    assert together["posts"] == 2 * 524


def test_there_is_a_community_for_each_region_or_it_doesnt_begin() -> None:
    gateways = {name: (Gateway(NOWHERE), "") for name in ("north", "south", "east")}
    with pytest.raises(TooManyRegions, match="2 communities"):
        RegionsReplay(gateways, Stories(), Progress(console=Console(quiet=True)))
