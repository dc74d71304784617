"""The study with one community in each of several regions, which share the forum: played at all their gateways at once.

Each member and each café has one region; its own analytics counts them, in a study of its own, and the figures are added up.
The peer consultant has an account in each region, under one name: the second invitation names her first account's profile.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from replay import report
from replay.forum import Forum, NeverCame
from replay.gateway import Gateway, GoneAway, Refused
from replay.people import Person
from replay.stories import Stories
from replay.study import Late, StudyReplay, play_forum

Figures = dict[str, Any]


class TooManyRegions(ValueError):
    """The study has fewer communities."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region's gateway, and the code of an operator's invitation there."""

    name: str
    gateway: str
    invitation: str


@dataclass(frozen=True, slots=True)
class Played:
    """Both levels of figures of all regions together, and what of the study's forum each region has."""

    research: Figures
    published: Figures
    forum: dict[str, Any]


def added_up(figures: Sequence[Mapping[str, Any]]) -> Figures:
    """Sums over regions; of smallest and largest the extreme; what one region leaves out (None) isn't told of all."""
    together: Figures = {}
    for name in report.ROWS:
        values = [each[name] for each in figures]
        if None in values:
            together[name] = None
        elif name == "cafes_by_community":
            together[name] = [one for value in values for one in value]
        else:
            together[name] = {"smallest_cafe": min, "largest_cafe": max}.get(name, sum)(values)
    return together


class RegionsReplay:
    """One run in several regions."""

    def __init__(self, regions: Mapping[str, tuple[Gateway, str]], stories: Stories, bars: Progress) -> None:
        if len(regions) > len(stories.communities):
            raise TooManyRegions(
                f"The study has {len(stories.communities)} communities, one for each region."
            )
        self._stories = stories
        self._bars = bars
        homes: dict[str, list[str]] = {name: [] for name in regions}
        for number, community in enumerate(stories.communities):
            homes[list(regions)[number % len(regions)]].append(community.name)
        self._studies = {
            name: StudyReplay(gateway, invitation, stories, bars, homes[name])
            for name, (gateway, invitation) in regions.items()
        }

    async def gather(self) -> None:
        """Everybody joins; the consultant takes the same name everywhere. Raises Refused where it isn't free."""
        names, first = self._stories.consultant_names, None
        for study in self._studies.values():
            await study.gather_staff(names, first)
            if first is None:
                profile = await study.consultant.call("forum", "POST", "/profile", json={})
                first, names = str(profile["id"]), (str(profile["name"]),)
        await asyncio.gather(*(study.gather_members() for study in self._studies.values()))

    async def open(self) -> None:
        """A study in each region."""
        for study in self._studies.values():
            await study.open()

    async def play(self) -> dict[str, Any]:
        """One forum, and each region's cafés. Returns what of it each region has. Raises NeverCame."""
        studies = list(self._studies.values())
        everybody = {name: member for study in studies for name, member in study.members.items()}
        forum = Forum(self._stories, [study.consultant for study in studies], everybody, studies[0].key)
        await play_forum(forum, self._stories, self._bars, *(study.hold_cafes for study in studies))
        return await self._compare(await forum.threads())

    async def finish(self) -> tuple[Figures, Figures]:
        """Close all studies: what their analysts see and what is published, added up. Raises Late."""
        found = await asyncio.gather(*(study.finish() for study in self._studies.values()))
        return added_up([research for research, _ in found]), added_up([shown for _, shown in found])

    async def _compare(self, threads: Sequence[str]) -> dict[str, Any]:
        """The posts of these threads as each region has them."""
        there = dict(
            zip(
                self._studies,
                await asyncio.gather(*(_posts(s.consultant, threads) for s in self._studies.values())),
                strict=True,
            )
        )
        first, *others = there.values()
        return {
            "regions": {
                name: {"posts": len(posts), "by_members": sum(role == "member" for _, role, _ in posts)}
                for name, posts in there.items()
            },
            "same": all(posts == first for posts in others),
        }


async def _posts(reader: Person, threads: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    """(id, writer's role, text) of all posts of `threads` in one region, in the order in which they stand."""
    found: list[tuple[str, str | None, str | None]] = []
    for thread in threads:
        after: str | None = None
        while True:
            params = {"after": after} if after else None
            page = await reader.call("forum", "GET", f"/threads/{thread}", params=params)
            found += [(p["id"], (p["author"] or {}).get("role"), p["body_html"]) for p in page["posts"]]
            after = page["next"]
            if after is None:
                break
    return found


async def replay(regions: Sequence[Region], stories: Stories) -> Played:
    """Play the whole study. Raises Refused, GoneAway, Late, NeverCame, TooManyRegions."""
    async with AsyncExitStack() as stack:
        bars = report.progress()
        stack.callback(bars.stop)
        bars.start()
        gateways = {
            region.name: (
                await stack.enter_async_context(Gateway(region.gateway, bars.console.print)),
                region.invitation,
            )
            for region in regions
        }
        run_ = RegionsReplay(gateways, stories, bars)
        await run_.gather()
        await run_.open()
        forum = await run_.play()
        return Played(*await run_.finish(), forum)


def run(regions: Sequence[Region], *, as_json: bool = False) -> int:
    """Play the study and print its figures; the exit status: 1 also when the regions' forums differ."""
    status = 0
    try:
        played = asyncio.run(replay(regions, Stories()))
        shown = report.print_json if as_json else report.print_table
        shown(played.research, played.published, played.forum)
        status = 0 if played.forum["same"] else 1
    except* (Refused, GoneAway, Late, NeverCame, TooManyRegions) as errors:
        sys.stderr.write(f"{report.first_of(errors)}\n")
        status = 1
    return status
