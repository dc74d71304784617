"""What digests must see through: restores, lost clusters, regions that come and go, clocks, and a forum that is busy."""

from datetime import timedelta
from typing import Any

import pytest

from shared.bus.records import Received
from shared.clock import SettableClock
from shared.contracts.topics import DIGESTS
from tests.engines import Engines
from tests.forum.digests.regions import MINUTE, Federation, Region, federation
from tests.forum.records import received


async def agree(both: Federation, one: Region, other: Region, *, minutes: int = 60) -> int:
    """Minutes until both found the other the same, and their tables are."""

    async def same() -> bool:
        found = [await one.finds(other.name), await other.finds(one.name)]
        # Who wrote nothing compares nothing.
        agreed = all(each is None or (each.verdict == "same" and not each.repair_due) for each in found)
        return any(found) and agreed and await one.has() == await other.has()

    return await both.until(same, minutes=minutes)


async def test_a_restored_homes_lower_versions_are_raised_above_what_the_neighbour_has(
    both: Federation, north: Region, south: Region
) -> None:
    posts = await north.writes(3)
    edited = posts[0].model_copy(
        update={"version": north.home.clock.tick(), "body": "Better", "edited": True}
    )
    await north.publishes(edited)
    await both.carry()
    await both.minutes(3)
    # The backup has the post as it first was, and Kafka was lost too.
    await north.does("UPDATE posts SET version = written, body = 'Words', read_back = written")
    north.start()
    assert await agree(both, north, south, minutes=120)
    found = await north.finds("south")
    assert found.repaired == 2  # publishing them as they were had no effect
    assert (await south.has())[edited.id] > edited.version
    bodies = [row.body for row in await south.rows("SELECT body FROM posts WHERE id = :id", id=edited.id)]
    assert bodies == ["Words"]


async def test_what_a_home_lost_and_its_neighbour_has_is_an_alarm_and_stays_there(
    both: Federation, north: Region, south: Region
) -> None:
    posts = await north.writes(3)
    await both.carry()
    await both.minutes(3)
    await north.does("DELETE FROM posts WHERE id = :id", id=posts[0].id)
    north.start()

    async def alarmed() -> bool:
        found = await north.finds("south")
        return found is not None and bool(found.alarmed)

    assert await both.until(alarmed, minutes=200)
    assert (await north.finds("south")).repaired == 3
    assert posts[0].id in await south.has()


async def test_a_row_lost_without_any_record_is_missed_after_a_start_or_a_day(
    both: Federation, north: Region, south: Region
) -> None:
    posts = await north.writes(3)
    await both.carry()
    await agree(both, north, south)
    await south.does("DELETE FROM posts WHERE id = :id", id=posts[0].id)
    await both.minutes(30)
    assert posts[0].id not in await south.has()
    both.clock.move(timedelta(days=1))
    assert await agree(both, north, south)
    assert posts[0].id in await south.has()


@pytest.mark.parametrize("all_gone", [False, True], ids=["snapshots", "comparisons too"])
async def test_a_region_whose_snapshots_are_gone_begins_anew_and_repairs_nothing(
    both: Federation, north: Region, south: Region, all_gone: bool
) -> None:
    await north.writes(3)
    await both.carry()
    await agree(both, north, south)
    await north.does("DELETE FROM digests")
    if all_gone:
        for table in ("digest_comparisons", "digest_regions"):
            await north.does(f"DELETE FROM {table}")
    north.start()
    await north.writes()
    await both.carry()
    assert await agree(both, north, south) <= 12
    assert (await north.finds("south")).repaired == 0


async def test_of_a_neighbours_cluster_made_anew_what_mirroring_skips_is_repaired_and_the_rest_stays(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(2)
    posts = await south.writes(4)
    await both.carry()
    await agree(both, north, south)
    before = await north.has()
    # Its read-back sends everything of its own again, to a topic whose first records MirrorMaker skips.
    written = await south.writes(2)
    skipped = {str(post.id) for post in written}
    both.cut("south", "north", lambda record: record.key in skipped)
    await south.publishes(*posts, *written)
    await both.carry()
    both.heal()
    assert await north.has() == before
    assert await agree(both, north, south) <= 45
    assert (await south.finds("north")).repaired == 1
    assert (await north.finds("south")).repaired == 0


async def test_an_old_state_that_stays_is_a_difference_after_ten_minutes(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(3)
    await both.carry()
    await both.minutes(15)
    lost: set[str] = {str(post.id) for post in await north.writes()}
    both.cut("north", "south", lambda record: record.key in lost)
    began = both.clock.at

    async def different() -> bool:
        found = (await north.finds("south")).verdict
        assert found in ("same", "behind", "different")
        return bool(found == "different")

    await both.until(different)
    assert 10 * MINUTE < both.clock.at - began <= 25 * MINUTE


async def test_a_third_regions_home_is_its_own_business(engines: Engines, clock: SettableClock) -> None:
    async with federation(engines, clock, "north", "south", "west") as all_three:
        north, south, west = all_three.regions.values()
        await north.writes(3)
        lost = {str(post.id) for post in await north.writes(2)}
        all_three.cut("north", "west", lambda record: record.key in lost)
        await all_three.carry()
        all_three.heal()
        told = await south.rows("SELECT home, kind FROM digests WHERE home = 'west'")
        assert told == []

        async def repaired() -> bool:
            found = await north.finds("west")
            return found is not None and bool(found.repaired)

        await all_three.until(repaired)
        await all_three.minutes(4)
        assert await west.has() == await north.has() == await south.has()
        assert (await north.finds("south")).repaired == 0
        for region in (south, west):
            assert await region.rows("SELECT * FROM digest_comparisons") == []


async def test_a_region_that_left_is_asked_nothing_more_and_may_come_back(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(2)
    [post] = await south.writes()
    await both.carry()
    await agree(both, north, south)
    north.neighbours, south.neighbours = [], []
    north.start()
    south.start()
    lost = await south.writes()
    await both.minutes(20)
    assert await north.rows("SELECT * FROM outbox WHERE topic = :topic", topic=DIGESTS.name) == []
    assert post.id in await north.has()
    north.neighbours, south.neighbours = ["south"], ["north"]
    north.start()
    south.start()
    assert await agree(both, north, south)
    assert lost[0].id in await north.has()


async def test_a_forum_that_is_written_in_all_the_time_is_compared_all_the_same(
    both: Federation, north: Region, south: Region
) -> None:
    edited = await north.writes(5)
    await both.minutes(2)
    verdicts = []
    for _ in range(25):
        for region in (north, south):  # rounds at other times of the minute, and posts between all of them
            await region.writes(2)
            await both.carry()
            both.clock.move(timedelta(seconds=20))
            await region.rounds.round()
            await region.writes(1)
            await both.carry()
        both.clock.move(timedelta(seconds=20))
        post = edited.pop(0).model_copy(update={"version": north.home.clock.tick(), "edited": True})
        await north.publishes(post)
        edited.append(post)
        await both.carry()
        found = await north.finds("south")
        verdicts.append(None if found is None else found.verdict)
    assert verdicts.count("same") > 20
    for region, other in ((north, south), (south, north)):
        assert (await region.finds(other.name)).repaired == 0


async def test_what_a_busy_forum_lacks_is_found_while_it_is_busy(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(2)
    await both.minutes(2)
    lost = {str(post.id) for post in await north.writes()}
    both.cut("north", "south", lambda record: record.key in lost)

    async def repaired() -> bool:
        await north.writes(2)
        found = await north.finds("south")
        return found is not None and bool(found.repaired)

    assert await both.until(repaired) <= 18


@pytest.mark.parametrize("skew", [-4, 4, 15])
async def test_no_clock_makes_a_difference_of_what_is_the_same(
    both: Federation, north: Region, south: Region, skew: int
) -> None:
    both.skew["south"] = skew * MINUTE
    for _ in range(20):
        for region in (north, south):
            with both.at(region):
                await region.writes(2)
        await both.carry()
        await both.minutes()
    for region, other in ((north, south), (south, north)):
        assert (await region.finds(other.name)).repaired == 0
    lost = set[str]()
    with both.at(south):
        lost |= {str(post.id) for post in await south.writes()}

    def is_lost(record: Received[Any]) -> bool:
        return record.key in lost

    both.cut("south", "north", is_lost)
    await both.carry()
    both.heal()
    await both.minutes(7)  # until it would have come in spite of that clock
    await agree(both, north, south)


async def test_a_region_that_catches_up_for_nine_minutes_is_sent_nothing_again(
    both: Federation, north: Region, south: Region
) -> None:
    for ends in (("north", "south"), ("south", "north")):
        both.cut(*ends, lambda _: True)
    posts = await north.writes(9)
    await both.minutes(12)
    both.heal()
    for post in posts:
        await south.receives([received(post, "north")])
        await both.minutes()
    assert await agree(both, north, south) <= 12
    assert (await north.finds("south")).repaired == 0
