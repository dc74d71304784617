"""What was acknowledged is never lost, and figures and notices become exact, whatever is killed or stands still."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared import clock
from tests.people import Answer, People, Person, a_name, eventually
from tests.region.running import RunningRegion, regions

KILLS = 2
OPENING = {"title": "Through the storm", "wish": "listen", "body": "Is anybody there?"}


@pytest.fixture(scope="module")
def own_region() -> Iterator[RunningRegion]:
    """One whose processes tests kill and halt; each leaves it running."""
    with regions() as make:
        yield make().start()


class Writing:
    """Somebody who goes on writing; `answered` are the posts whose answers arrived."""

    def __init__(self, member: Person, thread: str) -> None:
        self.member = member
        self.thread = thread
        self.answered: list[str] = []
        self.progress = asyncio.Event()

    async def until_cancelled(self) -> None:
        number = 0
        while True:
            number += 1
            body, key = f"Word number {number}", uuid4().hex
            while True:
                try:
                    await self.member.makes("forum", f"/threads/{self.thread}/posts", {"body": body}, key=key)
                    break
                except (httpx.TransportError, Answer):
                    await asyncio.sleep(0.1)
            self.answered.append(body)
            self.progress.set()

    async def more(self, count: int) -> None:
        """Wait for `count` more answers."""
        wanted = len(self.answered) + count
        async with asyncio.timeout(120):
            while len(self.answered) < wanted:
                self.progress.clear()
                await self.progress.wait()


async def all_posts(member: Person, thread: str) -> list[dict[str, Any]]:
    posts: list[dict[str, Any]] = []
    after = None
    while True:
        query = {"limit": 100} | ({"after": after} if after else {})
        page = await member.reads("forum", f"/threads/{thread}", **query)
        posts += page["posts"]
        after = page["next"]
        if after is None:
            return posts


async def a_member(people: People) -> Person:
    operator = await people.operator()
    return await operator.invites(
        "member", [await people.community(operator)], forum_name=a_name("Lighthouse")
    )


@pytest.mark.timeout(300)
async def test_every_answered_write_is_there_once_after_two_kills_of_everything(
    own_region: RunningRegion,
) -> None:
    region = own_region
    async with People(region) as people:
        member = await a_member(people)
        thread = (await member.makes("forum", "/threads", OPENING))["id"]
        writing = Writing(member, thread)
        task = asyncio.create_task(writing.until_cancelled())
        try:
            for _ in range(KILLS):
                await writing.more(5)
                await asyncio.to_thread(region.kill_everything)
                await asyncio.to_thread(region.start)
            await writing.more(2)
        finally:
            task.cancel()
            await asyncio.wait([task])
        member = await people.sign_in(member.sign_in_name)
        bodies = [post["body"] for post in await all_posts(member, thread)]
        assert bodies[0] == OPENING["body"]
        # The last one may have been written without its answer arriving; nothing is there twice.
        assert bodies[1 : len(writing.answered) + 1] == writing.answered
        assert len(bodies) - 1 - len(writing.answered) in (0, 1)
        # What was lost with Kafka's memory is sent again: the list's counts become exact too.
        await eventually(
            lambda: member.reads("forum", "/threads"),
            lambda page: page["items"][0]["replies"] == len(bodies) - 1,
            seconds=60,
        )


@asynccontextmanager
async def standing_still(region: RunningRegion) -> AsyncIterator[None]:
    """Kafka answers nobody within the block."""
    kafka = region.engine("kafka")
    kafka.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        kafka.send_signal(signal.SIGCONT)


@pytest.mark.timeout(300)
async def test_without_kafka_posts_are_accepted_and_notices_and_figures_catch_up_exactly(
    own_region: RunningRegion,
) -> None:
    region = own_region
    async with People(region) as people:
        operator = await people.operator()
        community = await people.community(operator)
        anna = await operator.invites("member", [community], forum_name=a_name("Heron"))
        bo = await operator.invites("member", [community], forum_name=a_name("Curlew"))
        analyst = await operator.invites("analyst")
        ends_on = (clock.today() + timedelta(days=30)).isoformat()
        study = await analyst.makes(
            "analytics", "/studies", {"title": "Storms", "communities": [community], "ends_on": ends_on}
        )
        await operator.makes("analytics", f"/studies/{study['id']}/approval")

        async def figures() -> dict[str, Any]:
            found: dict[str, Any] = await analyst.reads("analytics", f"/studies/{study['id']}/research")
            return found

        async def waiting() -> list[str]:
            found: list[str] = (await anna.reads("notifications", "/waiting"))["categories"]
            return found

        await eventually(figures, lambda seen: seen["members"] == 2)
        thread = (await anna.makes("forum", "/threads", OPENING))["id"]
        await eventually(figures, lambda seen: seen["posts"] == 1, seconds=40)
        async with standing_still(region):
            for number in range(10):
                await bo.makes(
                    "forum", f"/threads/{thread}/posts", {"body": f"I am, for the {number}th time."}
                )
            assert len(await all_posts(anna, thread)) == 11
            assert (await figures())["posts"] == 1
            assert await waiting() == []
        assert (await eventually(figures, lambda seen: seen["posts"] >= 11, seconds=120))["posts"] == 11
        assert await eventually(waiting, bool) == ["replies"]
        # Nothing arrives twice: after one more act has come all the way, the count is still exact.
        await bo.makes("forum", f"/threads/{thread}/posts", {"body": "And once more."})
        assert (await eventually(figures, lambda seen: seen["posts"] != 11, seconds=60))["posts"] == 12
