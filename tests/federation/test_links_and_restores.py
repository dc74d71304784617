"""A link that is cut while both sides go on, and healed: both agree, nothing went round, nobody was told twice.

At last one of the two is restored from a backup: nothing erased since comes back, and no version is given twice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.federation.status import NOT_REACHED, STOPPED, UP
from shared.contracts.topics import POSTS
from tests import tried
from tests.faults.agreeing import all_is_sent
from tests.federation import going_on, healed, restoring
from tests.federation.agreeing import AGREED_SECONDS, agree, forum_database, forum_of, links
from tests.federation.cafes import cafes
from tests.federation.forums import found_in_tables
from tests.federation.noticing import noticed
from tests.federation.own import own_ids, plant
from tests.federation.records import ends, nothing_went_round, stands_still
from tests.federation.regions import Pair, other_than
from tests.federation.searching import Needles, Search, files, unpacked
from tests.federation.sides import Side, begin, both, two_sides
from tests.people import PASSPHRASE, People, a_name, eventually
from tests.region.running import peercafe

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

Sides = tuple[Side, Side]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sides(pair: Pair) -> AsyncIterator[Sides]:
    """The people of both."""
    async with two_sides(pair) as sides:
        yield sides


def everywhere(pair: Pair, *words: str) -> None:
    """Each region's operator says so, about the other one."""
    with ThreadPoolExecutor(len(pair.regions)) as pool:
        said = [
            pool.submit(peercafe, region, "federation", *(word.format(other_than(name)) for word in words))
            for name, region in pair.regions.items()
        ]
    for one in said:
        one.result()


@contextmanager
def mirror_makers_stopped(pair: Pair) -> Iterator[None]:
    """As operators on both sides do."""
    everywhere(pair, "link", "{}", "stop")
    try:
        yield
    finally:
        everywhere(pair, "link", "{}", "start")


@contextmanager
def network_cut(pair: Pair) -> Iterator[None]:
    """The way to north is refused, on that to south nothing is heard any more."""
    pair.way_to("north").cut()
    pair.way_to("south").cut(silently=True)
    try:
        yield
    finally:
        for way in pair.ways.values():
            way.heal()


async def nothing_came(here: Side, there: Side) -> None:
    late = {post for called, post in there.posts.items() if called.startswith("late")}
    assert not late & await here.known()


async def everything_comes(here: Side, there: Side) -> None:
    await here.sees(*there.posts.values())


@pytest.mark.parametrize(
    ("cut", "told"), [(mirror_makers_stopped, STOPPED), (network_cut, NOT_REACHED)], ids=["link", "network"]
)
async def test_both_go_on_while_the_link_is_cut_and_agree_when_it_is_there_again(
    pair: Pair, sides: Sides, cut: Callable[[Pair], AbstractContextManager[None]], told: str
) -> None:
    await begin(sides)
    north, south = sides
    with cut(pair):
        for act in (going_on.write_and_leave, going_on.moderate, going_on.read, going_on.show_community):
            await both(sides, act)
        name = a_name("Rowan")
        twins = [await going_on.take_a_name(side, name) for side in sides]
        for region in pair.regions.values():
            await all_is_sent(region)
        at_the_cafes = await cafes(pair)
        await both(sides, nothing_came)
        await eventually(lambda: links(pair), lambda now: {link.link for link in now.values()} == {told})
        said = await asyncio.to_thread(peercafe, pair.south, "federation", "status", status=1)
        assert f"south pulls from north: link {told}" in said

    await both(sides, everything_comes)
    await agree(pair)
    for side in sides:
        await healed.erasures_are_acknowledged(side)
        await healed.one_of_two_is_marked(side, twins)
    for holds in (
        healed.late_posts_are_new,
        healed.who_left_is_gone,
        healed.the_community_is_shown,
        healed.foreign_hides_hold_until_the_home_decides,
        healed.homes_decide,
    ):
        await both(sides, holds)
    await agree(pair)
    await healed.pages_are_the_same(north, south)
    assert await cafes(pair) == at_the_cafes
    await eventually(lambda: stands_still(pair), bool, seconds=AGREED_SECONDS)
    await nothing_went_round(pair)
    for side in sides:
        await side.told(side.host, replies=2)
        await side.told(side.guest, moderation=4)
    said = await asyncio.to_thread(peercafe, pair.south, "federation", "status")
    assert f"south pulls from north: link {UP}" in said
    tried.count("federation", "links cut and healed")
    tried.count("federation", "rows the same in two regions", len(await forum_of(pair.north)))


async def test_what_comes_once_more_changes_nothing_and_tells_nobody(pair: Pair, sides: Sides) -> None:
    await begin(sides)
    await agree(pair)
    forums = [await forum_of(region) for region in pair.regions.values()]
    notices = [await noticed(region) for region in pair.regions.values()]
    before = await ends(pair)
    await asyncio.to_thread(everywhere, pair, "reset-link", "{}")

    def came_again(now: dict[tuple[str, str], int]) -> bool:
        copies = {name: (name, POSTS.mirrored_from(other_than(name)).name) for name in pair.regions}
        return all(
            now[copy] >= before[copy] + before[other_than(name), POSTS.name] for name, copy in copies.items()
        )

    await eventually(lambda: ends(pair), came_again, seconds=AGREED_SECONDS)
    await agree(pair)
    await eventually(lambda: stands_still(pair), bool, seconds=AGREED_SECONDS)
    assert [await forum_of(region) for region in pair.regions.values()] == forums
    assert [await noticed(region) for region in pair.regions.values()] == notices
    await nothing_went_round(pair)


async def test_nothing_of_a_regions_own_is_in_any_byte_of_the_other(pair: Pair, sides: Sides) -> None:
    await begin(sides)
    planted = {side.name: await plant(side) for side in sides}
    await agree(pair)
    needles = {
        name: Needles.of(await own_ids(region), planted[name]) for name, region in pair.regions.items()
    }
    search = Search(needles["north"] | needles["south"])
    for name, region in pair.regions.items():
        own, others = needles[name], needles[other_than(name)]
        assert not own.ids & others.ids
        found = {place: search.found_in(content) for place, content in files(region)}
        on_disk = set[bytes]().union(*found.values())
        found |= {place: search.found_in(content) for place, content in await unpacked(region)}
        assert not {place: there & others.all for place, there in found.items() if there & others.all}
        assert own.all <= on_disk, "what isn't found where it is isn't found elsewhere either"
        tried.count("federation", "ids and words sought in every byte of the other region", len(others.all))
        tried.count("federation", "files, tables and topics searched for them", len(found))


async def test_a_restored_region_answers_when_all_its_neighbour_has_is_here_and_gives_no_version_twice(
    pair: Pair, tmp_path: Path
) -> None:
    async with People(pair.south) as south:
        async with People(pair.north) as north:
            before = await restoring.lives(north, south)
            await agree(pair)
            backups, keys = tmp_path / "backups", tmp_path / "north.keys"
            words = ("backup", "--to", str(backups), "--keys", str(keys))
            await asyncio.to_thread(peercafe, pair.north, *words)
            [backup] = backups.iterdir()

            # Since the backup, and known to Kafka.
            await before.anna.puts("forum", f"/posts/{before.edited}", {"body": "Edited since"})
            await before.anna.deletes("forum", f"/posts/{before.erased}")
            await before.berit.deletes("forum", f"/posts/{before.erased_there}")
            since = await restoring.writes(before.anna, before.thread, "Written since")
            await agree(pair)
        known, url = await restoring.version_of(pair.south, before.edited), pair.north.url

        await asyncio.to_thread(pair.north.stop)
        await before.berit.deletes("forum", f"/posts/{before.erased_unheard}")
        await before.leaver.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
        await restoring.removed_there(before)
        await restoring.away(pair.north, backup)

        pair.way_to("south").cut()
        async with restoring.opening(pair.north) as task:
            await eventually(
                partial(restoring.said, pair.north),
                lambda words: "Waiting for all that south has" in words,
                seconds=AGREED_SECONDS,
            )
            with pytest.raises(httpx.TransportError):
                await asyncio.to_thread(httpx.get, f"{url}/api/forum/threads", timeout=1)
            assert not task.done()
            pair.way_to("south").heal()

        async with People(pair.north) as north:
            anna = await north.sign_in(before.anna.sign_in_name)
            # Not waited for: whoever asks first is answered like this.
            gone = (before.erased, before.erased_there, before.erased_unheard, before.left)
            told = await restoring.told_of(anna, before)
            assert [told[post] for post in gone] == [(True, None)] * 4
            assert told[before.edited] == (False, "<p>Edited since</p>\n")
            assert told[since] == (False, "<p>Written since</p>\n")
            async with forum_database(pair.north) as connection:
                assert await found_in_tables(connection, restoring.SECRET) == []

            await anna.puts("forum", f"/posts/{before.edited}", {"body": "Edited after the restore"})
            assert await restoring.version_of(pair.north, before.edited) > known
            await eventually(
                lambda: restoring.told_of(before.berit, before),
                lambda told: told[before.edited] == (False, "<p>Edited after the restore</p>\n"),
                seconds=AGREED_SECONDS,
            )
            await agree(pair)
