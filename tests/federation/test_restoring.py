"""A region that has neighbours is restored: nothing erased since comes back, and no version is given twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.federation.agreeing import differing, forum_database
from tests.federation.forums import found_in_tables
from tests.federation.regions import Pair
from tests.people import PASSPHRASE, People, Person, a_name, eventually
from tests.region.running import RunningRegion, peercafe
from tests.region.test_two_regions import a_member

pytestmark = pytest.mark.timeout(600)
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


async def agree(pair: Pair) -> None:
    """Both have the same forum soon."""
    await eventually(lambda: differing(pair), lambda found: not found, seconds=SECONDS)


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


async def test_a_restored_region_answers_when_all_its_neighbour_has_is_here_and_gives_no_version_twice(
    pair: Pair, tmp_path: Path
) -> None:
    async with People(pair.south) as south:
        async with People(pair.north) as north:
            before = await lives(north, south)
            await agree(pair)
            backups, keys = tmp_path / "backups", tmp_path / "north.keys"
            words = ("backup", "--to", str(backups), "--keys", str(keys))
            await asyncio.to_thread(peercafe, pair.north, *words)
            [backup] = backups.iterdir()

            # Since the backup, and known to Kafka.
            await before.anna.puts("forum", f"/posts/{before.edited}", {"body": "Edited since"})
            await before.anna.deletes("forum", f"/posts/{before.erased}")
            await before.berit.deletes("forum", f"/posts/{before.erased_there}")
            since = await writes(before.anna, before.thread, "Written since")
            await agree(pair)
        known, url = await version_of(pair.south, before.edited), pair.north.url

        await asyncio.to_thread(pair.north.stop)
        await before.berit.deletes("forum", f"/posts/{before.erased_unheard}")
        await before.leaver.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
        await removed_there(before)
        await away(pair.north, backup)

        pair.way_to("south").cut()
        async with opening(pair.north) as task:
            await eventually(
                partial(said, pair.north),
                lambda words: "Waiting for all that south has" in words,
                seconds=SECONDS,
            )
            with pytest.raises(httpx.TransportError):
                await asyncio.to_thread(httpx.get, f"{url}/api/forum/threads", timeout=1)
            assert not task.done()
            pair.way_to("south").heal()

        async with People(pair.north) as north:
            anna = await north.sign_in(before.anna.sign_in_name)
            # Not waited for: whoever asks first is answered like this.
            gone = (before.erased, before.erased_there, before.erased_unheard, before.left)
            told = await told_of(anna, before)
            assert [told[post] for post in gone] == [(True, None)] * 4
            assert told[before.edited] == (False, "<p>Edited since</p>\n")
            assert told[since] == (False, "<p>Written since</p>\n")
            async with forum_database(pair.north) as connection:
                assert await found_in_tables(connection, SECRET) == []

            await anna.puts("forum", f"/posts/{before.edited}", {"body": "Edited after the restore"})
            assert await version_of(pair.north, before.edited) > known
            await eventually(
                lambda: told_of(before.berit, before),
                lambda told: told[before.edited] == (False, "<p>Edited after the restore</p>\n"),
                seconds=SECONDS,
            )
            await agree(pair)


async def said(region: RunningRegion) -> str:
    return region.said


async def removed_there(before: Written) -> None:
    """In south all that is erased there is gone."""
    gone = {before.erased_there, before.erased_unheard, before.left}

    async def removed() -> set[str]:
        told = await told_of(before.berit, before)
        return {post for post, (is_removed, _) in told.items() if is_removed}

    await eventually(removed, gone.__le__)
