"""Two regions compare, and what is missing is noticed and published again."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from services.forum.digests.hearing import Hearing
from services.forum.digests.rounds import Pace, Rounds
from services.forum.rules.buckets import bucket_of
from shared.bus.records import Received
from shared.contracts.payloads.forum import DigestSummed
from shared.contracts.topics import DIGESTS, POSTS
from shared.hlc import version_at
from tests.forum.digests.regions import MINUTE, Federation, Region, everything_but_digests
from tests.forum.records import SOUTH, received


async def test_regions_that_have_the_same_say_so(both: Federation, north: Region, south: Region) -> None:
    await north.writes(3)
    await south.writes(2)
    await both.carry()
    await both.minutes(4)
    assert (await north.finds("south")).verdict == "same"
    assert (await south.finds("north")).verdict == "same"
    assert await north.has() == await south.has()


async def test_what_one_record_lacks_is_found_within_three_digests_and_repaired(
    both: Federation, north: Region, south: Region
) -> None:
    posts = await north.writes(5)
    both.cut("north", "south", lambda record: record.key == str(posts[2].id))
    await both.carry()
    both.heal()
    assert len(await south.has()) == 4

    async def found() -> bool:
        comparison = await north.finds("south")
        return comparison is not None and bool(comparison.repaired)

    assert await both.until(found) <= 31
    assert await south.has() == await north.has()

    async def same() -> bool:
        found: str = (await north.finds("south")).verdict
        return found == "same"

    assert await both.until(same) <= 3
    comparison = await north.finds("south")
    assert (comparison.differences, comparison.repairs, comparison.repaired) == (0, 1, 1)


async def test_a_bucket_of_which_nothing_came_is_missed_too(
    both: Federation, north: Region, south: Region
) -> None:
    await both.minutes()
    await north.writes(5)
    both.cut("north", "south", everything_but_digests)
    await both.carry()
    both.heal()

    async def whole() -> bool:
        return await south.has() == await north.has()

    assert await both.until(whole) <= 40


async def test_after_three_repairs_without_effect_it_stops_with_an_alarm_until_they_agree(
    both: Federation, north: Region, south: Region
) -> None:
    posts = await north.writes(5)

    def lost(record: Received[Any]) -> bool:
        return record.key == str(posts[2].id)

    both.cut("north", "south", lost)

    async def alarmed() -> bool:
        comparison = await north.finds("south")
        return comparison is not None and comparison.alarmed

    await both.until(alarmed, minutes=200)
    assert (await north.finds("south")).repaired == 3
    await both.minutes(45)
    comparison = await north.finds("south")
    assert (comparison.alarmed, comparison.repaired, comparison.verdict) == (True, 3, "different")

    both.heal()
    [missing] = [post for post in posts if post.id not in await south.has()]
    version = (await north.has())[missing.id]
    await north.publishes(missing.model_copy(update={"version": version}))

    async def clear() -> bool:
        return not (await north.finds("south")).alarmed

    assert await both.until(clear) <= 11
    assert await south.has() == await north.has()


async def test_what_is_on_its_way_is_no_difference_for_ten_minutes(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(5)
    await both.carry()
    await both.minutes(12)
    both.cut("north", "south", lambda record: record.topic == POSTS.name)
    [late] = await north.writes()
    for _ in range(11):
        await both.minutes()
        comparison = await north.finds("south")
        assert (comparison.verdict, comparison.differences) != ("different", 3)
    both.heal()
    await north.publishes(late)
    await both.carry()
    await both.minutes(3)
    comparison = await north.finds("south")
    assert (comparison.verdict, comparison.repaired) == ("same", 0)


async def test_nothing_is_told_twice_within_ten_minutes_that_did_not_change(
    both: Federation, north: Region, south: Region
) -> None:
    await north.writes(5)
    await both.carry()
    await both.minutes(15)
    told = []
    for _ in range(20):
        both.clock.move(MINUTE)
        await north.rounds.round()
        rows = await north.rows("SELECT key FROM outbox WHERE topic = :topic", topic=DIGESTS.name)
        told += [row.key for row in rows]
        await south.rounds.round()
        await both.carry()
    assert len(told) == 2
    assert told[0] == told[1]


async def test_a_home_that_tells_its_own_is_answered_between_two_rounds(north: Region, south: Region) -> None:
    pace = Pace(changed=timedelta(milliseconds=30), anyway=10 * MINUTE)
    rounds = Rounds(south.sessions, south.statements, south.home, south.neighbours, pace, lambda: None)
    hearing = Hearing(south.home, south.neighbours, Counter(), 5 * MINUTE, rounds.heard)
    answering = asyncio.create_task(rounds.answer_when_heard())
    await north.writes()
    await north.rounds.round()
    told = [record._replace(origin="north") for record in await north.sent()]
    async with south.sessions() as session, session.begin():
        await south.replicas.apply(session, [record for record in told if record.topic == POSTS.name])
    assert not answering.done()
    await north.rounds.round()
    digests = [record._replace(origin="north") for record in await north.sent()]
    async with south.sessions() as session, session.begin():
        await hearing.apply(session, digests)
    await asyncio.wait_for(answering, 30)
    answers = [record.payload for record in await south.sent() if record.topic == DIGESTS.name]
    assert {(answer.home, answer.about) for answer in answers} == {("south", "north")}


async def test_differences_are_five_minutes_apart_by_the_homes_own_clock(
    both: Federation, north: Region, south: Region
) -> None:
    [post] = await north.writes()
    await both.carry()
    await both.minutes(3)
    both.clock.move(10 * MINUTE)
    bucket = bucket_of("posts", post.id)
    for ahead in (0, 6, 12, 3):  # a clock that leaps, and back from where no digest is later for ever
        digest = DigestSummed(
            id=f"south:north:posts:{bucket}", home="south", about="north", kind="posts", bucket=bucket,
            version=version_at(both.clock.at + ahead * MINUTE), until=version_at(both.clock.at), sum="0" * 16,
        )  # fmt: skip
        await north.receives([received(digest, "south")])
    comparison = await north.finds("south")
    assert (comparison.verdict, comparison.differences, comparison.repairs) == ("different", 1, 0)


async def test_what_is_refused_is_counted_once_it_is_noted(north: Region) -> None:
    digest = DigestSummed(
        id="south:north:posts:2900", home="south", about="north", kind="posts", bucket=2901,
        version=north.home.clock.tick(), until=1, sum="0" * 16,
    )  # fmt: skip
    [post] = await north.writes()
    batches: list[tuple[Any, Received[Any]]] = [
        (north.replicas.apply, received(post, "south")),
        (north.hearing.apply, received(digest, "south")),
    ]
    for apply, record in batches:
        for _ in range(2):  # a batch is tried again
            async with north.sessions() as session:
                await apply(session, [record])
                await session.rollback()
        assert north.replicas.refused[SOUTH, record.topic, "home"] == 0
        assert north.replicas.refused[SOUTH, record.topic, "id"] == 0
        async with north.sessions() as session, session.begin():
            await apply(session, [record])
    noted = await north.rows("SELECT event FROM security_log")
    assert {row.event for row in noted} == {"record-refused-home", "record-refused-id"}
    assert north.replicas.refused == {(SOUTH, POSTS.name, "home"): 1, (SOUTH, DIGESTS.name, "id"): 1}
