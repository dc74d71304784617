"""PostgreSQL sums up what the rules sum up."""

from collections import defaultdict
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.forum.digests.summing import BY_ID, buckets_to_sum, sum_bucket, sum_everything
from services.forum.rules.buckets import KINDS, bounds, bucket_of, is_bucket, newest_mark
from services.forum.rules.digests import sum_of
from services.forum.rules.waiting import HELD_AHEAD_MS
from shared.contracts.payloads.forum import ErasureRequested
from shared.contracts.payloads.payload import COUNTER_BITS
from tests.forum.people import Place
from tests.forum.records import Applying, Region

HOMES = ("north", "south")


@pytest.fixture
async def filled(forum: Place, applying: Applying) -> Applying:
    """Some of everything, of both homes."""
    ada, kari = await forum.member("Ada"), forum.consultant("Kari")
    for number in range(3):
        thread = await ada.opens(f"Thread {number}")
        post = await ada.replies(thread)
        await kari.do("PUT", f"/posts/{post['id']}/reactions/thanks")
        await kari.do("POST", f"/posts/{post['id']}/hides", {"reason": "x"})
    for _ in range(3):
        south = Region()
        thread_ = south.thread()
        post_ = south.post(thread_.id)
        erasure = uuid4()
        await applying.south(
            south.profile(), thread_, post_, south.reaction(post_.id), south.hides(post_.id, "y"),
            ErasureRequested(
                id=f"{erasure}:south", home="south", version=south.home.clock.tick(), erasure_id=erasure
            ),
        )  # fmt: skip
    return applying


async def rows_of(applying: Applying, kind: str) -> list[Any]:
    by = BY_ID.get(kind, "id")
    async with applying.sessions() as session:
        return list(await session.execute(text(f"SELECT id, home, version, {by} AS of FROM {kind}")))


@pytest.mark.parametrize("up_to", ["all", "middle"])
async def test_the_same_sums_of_every_kind(filled: Applying, up_to: str) -> None:
    everything = [(kind, row) for kind in KINDS for row in await rows_of(filled, kind)]
    versions = sorted(row.version for _, row in everything)
    until = versions[-1] + 1 if up_to == "all" else versions[len(versions) // 2]
    expected: dict[Any, list[Any]] = defaultdict(list)
    unsettled = set()
    for kind, row in everything:
        place = kind, bucket_of(kind, row.of), row.home
        expected[place] += [(row.id, row.version)] if row.version < until else []
        if row.version >= until:
            unsettled.add(place)

    async with filled.sessions() as session, session.begin():
        await sum_everything(session)
        buckets = [(noted.kind, noted.bucket) for noted in await buckets_to_sum(session)]
    assert {(kind, bucket) for kind, bucket, _ in expected} <= set(buckets)
    assert len(buckets) == len(set(buckets))
    found: dict[Any, Any] = {}
    for kind, bucket in buckets:
        async with filled.sessions() as session, session.begin():
            summed = await sum_bucket(session, kind, bucket, dict.fromkeys(HOMES, until))
        found |= {(kind, bucket, home): one for home, one in summed.items()}
    assert {place: one.sum for place, one in found.items()} == {
        place: sum_of(rows) for place, rows in expected.items()
    }
    assert {place for place, one in found.items() if not one.settled} == unsettled
    with_rows = {kind for kind, _, _ in expected}
    assert with_rows >= {"profiles", "threads", "posts", "reactions", "moderation", "erasures"}


def test_every_id_stands_in_its_bucket_alone() -> None:
    home = Region().home
    ids = [home.entity(home.clock.tick()).id for _ in range(50)]
    for kind in KINDS:
        for id_ in (*ids, *(uuid4() for _ in range(50))):
            bucket = bucket_of(kind, id_)
            low, high = bounds(kind, bucket)
            assert low <= id_ <= high
            assert bucket_of(kind, low) == bucket_of(kind, high) == bucket
            if bucket:
                assert bounds(kind, bucket - 1)[1].int + 1 == low.int


def test_a_neighbour_cannot_name_buckets_without_end() -> None:
    week = 7 * 24 * 60 * 60 * 1000
    assert is_bucket("posts", 3, 2 * week)
    assert not is_bucket("posts", 4, 2 * week)
    assert not is_bucket("posts", -1, 2 * week)
    assert not is_bucket("profiles", 16, 2 * week)
    assert not is_bucket("letters", 0, 2 * week)


def test_of_a_homes_marks_the_newest_counts_whose_records_are_not_held() -> None:
    def at(ms: int) -> int:
        return ms << COUNTER_BITS

    assert newest_mark([at(30), at(20), at(10)], 1000) == at(30)
    assert newest_mark([at(30 + HELD_AHEAD_MS), at(20 + HELD_AHEAD_MS)], 20) == at(20 + HELD_AHEAD_MS)
    assert newest_mark([at(30 + HELD_AHEAD_MS)], 20) is None
    assert newest_mark([], 20) is None
