"""The whole study on a region that is killed in the middle of it, with one post more than the stories have."""

import asyncio

import pytest
from rich.console import Console
from rich.progress import Progress

from deploy.command.operators import operator
from replay.gateway import Gateway
from replay.stories import Stories
from replay.study import StudyReplay
from tests.region.running import ARegion, RunningRegion

KILLED_AFTER = 180  # posts


async def killed_in_the_middle(region: RunningRegion, bars: Progress) -> None:
    """End every process of the region at once while the study is played, and start it again."""
    while True:
        if any(task.description == "Posts" and task.completed >= KILLED_AFTER for task in bars.tasks):
            break
        await asyncio.sleep(0.1)
    await asyncio.to_thread(region.kill_everything)
    await asyncio.to_thread(region.start)


@pytest.mark.timeout(900)
async def test_a_region_killed_in_the_middle_ends_with_the_exact_figures_and_one_more_post_is_525(
    a_region: ARegion,
) -> None:
    region = await asyncio.to_thread(a_region().start)
    with operator(region.data, None, None) as by:
        [invitation] = by.invite("operator", [])
    bars = Progress(console=Console(quiet=True))
    async with (
        Gateway(region.url) as gateway,
        StudyReplay(gateway, invitation, Stories(), bars) as replay,
    ):
        await replay.gather()
        await replay.open()
        await asyncio.gather(replay.play(), killed_in_the_middle(region, bars))
        thread = {"title": "One more", "wish": "listen", "body": "I stayed a little longer."}
        await replay.members["Heron"].call(
            "forum", "POST", "/threads", key=replay.key("one more"), json=thread
        )
        research, published = await replay.finish(replay.figures() | {"posts": 525})
    assert research == {
        "members": 29,
        "posts": 525,
        "views": 1870,
        "members_who_viewed": 29,
        "members_who_wrote": 19,
        "cafes": 12,
        "cafes_by_community": [6, 6],
        "members_who_came": 17,
        "smallest_cafe": 3,
        "largest_cafe": 9,
    }
    assert published == research | {"smallest_cafe": None, "largest_cafe": None}
