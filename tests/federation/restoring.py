"""What is written before a region that has neighbours is restored, and how it is lost and opens again."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.federation.agreeing import forum_database
from tests.people import People, Person, a_name, eventually
from tests.region.running import RunningRegion, peercafe
from tests.region.test_two_regions import a_member

SECONDS = 120  # until MirrorMaker has started on a loaded machine
SECRET = "will be erased"
WORDS = {"title": "Mornings", "wish": "listen", "body": "They are long."}


@dataclass
class Written:
    """Who wrote before the backup, and where: in north Anna, in south Berit and whoever is going to leave."""

    anna: Person
    berit: Person
    leaver: Person
    thread: str
    edited: str
    erased: str  # in north
    erased_there: str  # in south, heard in north
    erased_unheard: str  # in south, while north was away
    left: str  # what the leaver wrote


async def writes(person: Person, thread: str, body: str) -> str:
    post = await person.makes("forum", f"/threads/{thread}/posts", {"body": body})
    return str(post["id"])


async def lives(north: People, south: People) -> Written:
    """A thread in north with posts from both."""
    anna = await a_member(north, a_name("Heather"))
    berit, leaver = await a_member(south, a_name("Juniper")), await a_member(south, a_name("Willow"))
    thread = (await anna.makes("forum", "/threads", WORDS))["id"]
    edited = await writes(anna, thread, "As it was first")
    erased = await writes(anna, thread, f"Anna's {SECRET}")
    there = partial(berit.asks, "GET", "forum", f"/posts/{erased}")
    await eventually(there, lambda answer: answer.is_success, seconds=SECONDS)
    return Written(
        anna, berit, leaver, thread, edited, erased,
        await writes(berit, thread, f"Berit's {SECRET}"), await writes(berit, thread, f"Berit's other {SECRET}"),
        await writes(leaver, thread, f"The leaver's {SECRET}"),
    )  # fmt: skip


async def version_of(region: RunningRegion, post: str) -> int:
    async with forum_database(region) as connection:
        return int(await connection.fetchval("SELECT version FROM posts WHERE id = $1", UUID(post)))


async def told_of(person: Person, before: Written) -> dict[str, tuple[bool, str | None]]:
    """Of each post whether it was removed, and what it says."""
    page = await person.reads("forum", f"/threads/{before.thread}")
    return {post["id"]: (post["removed"], post["body_html"]) for post in page["posts"]}


async def away(region: RunningRegion, backup: Path) -> None:
    """Its databases are lost, and come from the backup."""
    shutil.rmtree(region.data / "postgres")
    said = await asyncio.to_thread(peercafe, region, "restore", "--from", str(backup))
    assert "an empty database is made" in said


@asynccontextmanager
async def opening(region: RunningRegion) -> AsyncIterator["asyncio.Task[Any]"]:
    """The region is being started; open when the task is done."""
    starting = asyncio.create_task(asyncio.to_thread(region.start))
    yield starting
    await starting


async def said(region: RunningRegion) -> str:
    return region.said


async def removed_there(before: Written) -> None:
    """In south all that is erased there is gone."""
    gone = {before.erased_there, before.erased_unheard, before.left}

    async def removed() -> set[str]:
        told = await told_of(before.berit, before)
        return {post for post, (is_removed, _) in told.items() if is_removed}

    await eventually(removed, gone.__le__)
