"""Somebody always writes just before a round, a link is cut for a day, a bucket can't be summed up: the rest goes on."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.forum.digests.metrics import Told
from services.forum.rules.buckets import bucket_of
from shared.bus.records import Received
from shared.clock import SettableClock
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.topics import POSTS
from shared.telemetry.catalogue import FEDERATION_UNSUMMED
from tests.engines import Engines
from tests.forum.digests.regions import MINUTE, Federation, Region, federation

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


async def busy(regions: Federation, times: int = 1, *, apart: timedelta = MINUTE) -> None:
    """Rounds of all regions, and before each everybody has just written: no bucket is ever quiet."""
    for _ in range(times):
        regions.clock.move(apart)
        for _ in range(2):  # batches
            for region in regions.regions.values():
                await region.writes()
            await regions.carry()
        for region in regions.regions.values():
            await region.rounds.round()
        await regions.carry()


async def notes(region: Region) -> int:
    """How long the list is of what is to be summed up."""
    [row] = await region.rows("SELECT count(*) AS notes FROM buckets_to_sum")
    return int(row.notes)


async def unsummed(region: Region) -> dict[str, float]:
    """What operators are told of buckets that can't be summed up, by topic; without topics that have none."""
    told = Told(region.sessions, Counter(), {}, region.neighbours)
    return {
        sample.labels["topic"]: sample.value
        for family in await told.look()
        if family.name == FEDERATION_UNSUMMED.name
        for sample in family.samples
        if sample.value
    }


async def compared(region: Region, bucket: int | None = None) -> list[tuple[str, int, bool]]:
    """What it found of its posts at its neighbours', by neighbour: verdict, times repaired, whether it gave up."""
    rows = await region.rows(
        "SELECT verdict, repaired, alarmed FROM digest_comparisons"
        " WHERE kind = 'posts' AND bucket = coalesce(CAST(:bucket AS bigint), bucket) ORDER BY region, bucket",
        bucket=bucket,
    )
    return [(row.verdict, row.repaired, row.alarmed) for row in rows]


async def loses_one(regions: Federation, source: Region, target: Region) -> PostPublished:
    """A post that comes to all but one."""
    [post] = await source.writes()
    regions.cut(source.name, target.name, lambda record: record.key == str(post.id))
    await regions.carry()
    regions.heal()
    return post


def edited(region: Region, post: PostPublished) -> PostPublished:
    return post.model_copy(update={"version": region.home.clock.tick(), "body": "Better", "edited": True})


SAME = ("same", 0, False)


async def test_where_somebody_always_writes_and_edits_only_a_real_difference_is_one_and_a_note_a_bucket_is_left(
    both: Federation, north: Region, south: Region
) -> None:
    older = await north.writes(5)
    await both.carry()
    await both.minutes(2)

    async def goes_on() -> None:
        older.append(edited(north, older.pop(0)))  # after the home's round, and before the neighbour's
        await north.publishes(older[-1])
        await both.carry()
        await busy(both)

    for _ in range(14):
        await goes_on()
        assert await notes(north) <= 2
        assert await notes(south) <= 2
    assert await compared(north) == await compared(south) == [SAME]

    lost, gone = await loses_one(both, north, south), 0
    while lost.id not in await south.has():
        await goes_on()
        gone += 1
        assert gone < 25
    assert gone > 10, "three differences, five minutes apart"
    await busy(both)
    assert await compared(north) == [("same", 1, False)]
    assert await compared(south) == [SAME]


async def test_a_bucket_that_is_noted_again_and_again_keeps_no_other_waiting(
    both: Federation, north: Region
) -> None:
    [first] = await north.writes()
    await both.carry()
    await both.minutes(2)
    week = bucket_of("posts", first.id)
    await north.does(
        "INSERT INTO buckets_to_sum (kind, bucket) SELECT 'posts', :week FROM generate_series(1, 25000)",
        week=week,
    )
    both.clock.move(WEEK)
    [later] = await north.writes()
    await both.carry()
    both.clock.move(MINUTE)
    await north.publishes(edited(north, first))
    await both.carry()
    await north.rounds.round()
    assert await notes(north) == 1, "the edit is too new"
    [summed] = await north.rows(
        "SELECT sum FROM digests WHERE (home, kind, bucket) = ('north', 'posts', :bucket)",
        bucket=bucket_of("posts", later.id),
    )
    assert summed.sum


async def test_a_link_that_is_cut_for_a_day_is_no_difference_and_a_real_one_is_found_after_it(
    engines: Engines, clock: SettableClock
) -> None:
    async with federation(engines, clock, "north", "south", "west") as all_three:
        north, south, west = all_three.regions.values()
        posts = await north.writes(3)
        await busy(all_three, 3)
        # The edit still comes over, and nothing after it: not the mark up to which it counts either.
        await north.publishes(edited(north, posts[0]))
        await all_three.carry()
        waiting: list[Received[Any]] = []

        def on_its_way(record: Received[Any]) -> bool:
            waiting.append(record)
            return True

        all_three.cut("north", "south", on_its_way)
        for _ in range(8):
            await busy(all_three, apart=3 * HOUR)
            for region in (north, south, west):
                assert await notes(region) <= 4
        for region in (north, south, west):
            assert {(repaired, alarmed) for _, repaired, alarmed in await compared(region)} == {(0, False)}
        assert {verdict for verdict, _, _ in await compared(west)} == {"same"}

        all_three.heal()
        for records in in_parts(waiting, 100):
            await south.receives([record._replace(origin="north") for record in records])
            await busy(all_three)
        await all_three.minutes(6)
        assert await north.has() == await south.has() == await west.has()
        for region in (north, south, west):
            assert set(await compared(region)) == {SAME}
            assert await notes(region) == 0

        lost, gone = await loses_one(all_three, north, south), 0
        while lost.id not in await south.has():
            await busy(all_three)
            gone += 1
            assert gone < 25
        await busy(all_three)
        assert await compared(north, bucket_of("posts", lost.id)) == [("same", 1, False), SAME]


def in_parts(records: Sequence[Received[Any]], size: int) -> list[Sequence[Received[Any]]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


async def test_a_bucket_that_cannot_be_summed_up_keeps_no_other_waiting_and_looks_like_no_difference(
    both: Federation, north: Region, south: Region
) -> None:
    weeks = []
    for _ in range(3):
        [post] = await north.writes()
        await both.carry()
        await both.minutes(2)
        weeks.append(post)
        both.clock.move(WEEK)
    first, second, third = (bucket_of("posts", post.id) for post in weeks)
    of_two = "SELECT bucket, sum, until FROM digests WHERE bucket < :third ORDER BY bucket"
    for name, row in zip(("one", "other"), await north.rows(of_two, third=third), strict=True):
        fails = f"bucket <> {row.bucket} OR sum = '{row.sum}'"
        await north.does(f"ALTER TABLE digests ADD CONSTRAINT {name} CHECK ({fails})")
    await both.minutes(2)
    await north.publishes(*(edited(north, post) for post in weeks))
    await both.carry()
    await both.minutes()
    standing = await north.rows(of_two, third=third)
    lost = await loses_one(both, north, south)

    async def repaired() -> bool:
        return lost.id in await south.has()

    await both.until(repaired)
    await both.minutes(5)
    assert await compared(north, third) == [SAME]
    assert await compared(north, bucket_of("posts", lost.id)) == [("same", 1, False)]
    for week in (first, second):
        assert await compared(north, week) == [SAME], "nothing is known of it"
    assert await north.rows(of_two, third=third) == standing, "nor told"

    await north.does("ALTER TABLE digests DROP CONSTRAINT other")
    await both.minutes(2)
    failing = await north.rows("SELECT bucket FROM buckets_to_sum WHERE failing_since IS NOT NULL")
    assert [row.bucket for row in failing] == [first], "they are tried in turn"
    assert await unsummed(north) == {POSTS.name: 1}
    await north.does("ALTER TABLE digests DROP CONSTRAINT one")
    await both.minutes(12)
    assert await notes(north) == 0
    assert await unsummed(north) == {}
    for week in (first, second, third):
        assert await compared(north, week) == [SAME]
