"""What a link has lost comes all the same: digests see that it is missing, and its home publishes it again.

MirrorMaker goes by the numbers of records (FIELD-NOTES). What it passes over, because a neighbour's Kafka is a new one or
because its own notes are wrong, it passes over without a word.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.embedded import links
from deploy.federation.lag import lags, mirrored_so_far, offsets_topic
from deploy.federation.neighbours import Federation
from deploy.federation.resetting import FILE as MIRRORED_CLUSTERS
from shared.contracts.topics import POSTS
from shared.outbox import keep_alives
from tests.federation.forums import MIRRORED_SECONDS, Sites, agree, found_in_tables, two_sites
from tests.forum.digests.test_on_the_bus import metrics
from tests.forum.people import Json, Person, Place, until

pytestmark = pytest.mark.timeout(400)
COPY = POSTS.mirrored_from("north")
NOT_WELL = ("behind", "different", "alarmed")
AT_ONCE = {
    "segment_ms": "500",
    "max_compaction_lag_ms": "500",
    "min_cleanable_dirty_ratio": "0.01",
    "file_delete_delay_ms": "500",
}


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with two_sites() as sites:
        yield sites


def a_secret() -> str:
    """Words that stand nowhere else."""
    return f"secret{uuid4().hex}"


async def finds(north: Place) -> Json:
    """What north has found of its posts at south's."""
    [found] = await north.rows(
        "SELECT coalesce(sum(repaired), 0) AS repaired, max(version) AS version, bool_or(alarmed) AS alarmed"
        " FROM digest_comparisons WHERE region = 'south' AND kind = 'posts'"
    )
    return found


async def buckets(north: Place) -> dict[str, float]:
    """How many of its posts' buckets are how at south's, as operators are told."""
    told = await metrics(north)
    family = "peercafe_federation_buckets", "south", POSTS.name
    return {key[3]: count for key, count in told.items() if key[:3] == family}


async def all_is_well(north: Place) -> None:
    """Until operators are told so."""

    async def well() -> bool:
        said = await buckets(north)
        return bool(said) and not any(said[state] for state in NOT_WELL)

    await until(well, bool)


async def until_repaired(north: Place, before: Json) -> None:
    """Until its posts were published again."""
    await until(
        lambda: finds(north), lambda found: found["repaired"] > before["repaired"], seconds=MIRRORED_SECONDS
    )


async def a_day_goes_by(north: Place) -> None:
    """Without a repair: those before don't count any more."""
    await north.rows("UPDATE digest_comparisons SET last_repair_at = last_repair_at - INTERVAL '1 day'")


async def has(place: Place, *posts: Json) -> bool:
    ids = [UUID(post["id"]) for post in posts]
    return len(await place.rows("SELECT 1 FROM posts WHERE id = ANY ($1)", ids)) == len(ids)


async def numbers(sites: Sites, *posts: Json) -> list[tuple[int, int]]:
    """How often each stands on north's topic, and how often on south's copy of it."""
    there = [record.key.decode() for record in await sites.north.records(POSTS.name)]
    here = [record.key.decode() for record in await sites.south.records(COPY.name)]
    return [(there.count(post["id"]), here.count(post["id"])) for post in posts]


async def all_is_sent(place: Place) -> None:
    await until(lambda: place.rows("SELECT 1 FROM outbox"), lambda rows: not rows)


async def test_what_mirroring_passed_over_of_a_new_kafka_is_missed_and_published_again(sites: Sites) -> None:
    secret = a_secret()
    async with sites.south.forum(by_number=True) as south:
        async with sites.north.forum() as north:
            ada = await north.member("Ada")
            thread = await ada.opens()
            gone = await ada.replies(thread, secret)
            await ada.replies(thread, "Kept")
            await agree(north, south)
            await sites.south.link(linked=False)
            await ada.do("DELETE", f"/posts/{gone['id']}")
        await sites.north.lose_kafka()
        async with sites.north.forum() as north:
            ada.place = north
            await all_is_sent(north)
            await as_many_as_before(sites, ada, thread)
            before = await finds(north)
            await sites.south.link(linked=True)
            late = await ada.replies(thread, "Late")
            await until(lambda: has(south, late), bool, seconds=MIRRORED_SECONDS)
            await until_repaired(north, before)
            await agree(north, south)
            [(there, here)] = await numbers(sites, gone)
            assert here <= there, (
                "what came of the old Kafka is one more: what the new one had first never came"
            )
            assert await found_in_tables(south.database, secret) == []
            assert not (await finds(north))["alarmed"]


async def as_many_as_before(sites: Sites, ada: Person, thread: Json) -> None:
    """Posts until north's new Kafka has as many as were mirrored of the old one: then MirrorMaker sees no difference."""
    neighbour = Federation.of(sites.south.data).neighbour("north")

    async def shrunk() -> bool:
        found = await lags(sites.south.kafka, neighbour, "south")
        return found is None or next(lag.shrunk for lag in found if lag.topic == POSTS.name)

    for _ in range(100):
        if not await shrunk():
            return
        for _ in range(8):
            await ada.replies(thread, "Words")
        await all_is_sent(ada.place)
    raise AssertionError("still fewer")


async def test_a_neighbours_new_kafka_is_noticed_and_nothing_erased_stays_in_tables_or_on_disk(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "CLUSTER_SECONDS", 0.5)
    monkeypatch.setattr(keep_alives, "DAY", 1.0)
    unheard, heard = a_secret(), a_secret()
    async with sites.south.forum() as south:
        async with sites.north.forum() as north:
            await sites.south.link(linked=True)
            ada = await north.member("Birch")
            thread = await ada.opens()
            first, second = await ada.replies(thread, heard), await ada.replies(thread, unheard)
            await agree(north, south)
            assert sites.south.on_disk(unheard.encode())
            await until(known_clusters(sites), lambda known: "north" in known)
            await ada.do("DELETE", f"/posts/{first['id']}")
            await agree(north, south)
            await sites.south.link(linked=False)
            await ada.do("DELETE", f"/posts/{second['id']}")
            late = await ada.replies(thread, "While nobody pulled")
        await sites.north.lose_kafka()
        async with sites.north.forum() as north:
            await sites.south.link(linked=True)
            await agree(north, south)
            assert await has(south, late)
            for secret in (heard, unheard):
                assert await found_in_tables(south.database, secret) == []
            await sites.south.link(linked=False)  # no help from there
            await sites.south.compact_often()
            await sites.south.configure(COPY, **AT_ONCE)  # else within two days
            await until(
                lambda: on_disk(sites, heard, unheard), lambda files: not files, seconds=MIRRORED_SECONDS
            )


def known_clusters(sites: Sites) -> Any:
    async def read() -> str:
        file = sites.south.data / MIRRORED_CLUSTERS
        return file.read_text() if file.exists() else ""

    return read


async def on_disk(sites: Sites, *secrets: str) -> list[str]:
    """Files of either Kafka that have one of them."""
    return [
        file
        for site in (sites.north, sites.south)
        for secret in secrets
        for file in site.on_disk(secret.encode())
    ]


async def test_what_got_lost_on_the_way_or_here_is_missed_and_comes(sites: Sites) -> None:
    async with sites.south.forum() as south, sites.north.forum() as north:
        await sites.south.link(linked=True)
        ada = await north.member("Cedar")
        thread = await ada.opens()
        here = await ada.replies(thread, "It will be lost here")
        await ada.replies(thread, "Kept")
        await agree(north, south)
        await sites.south.link(linked=False)
        lost = [await ada.replies(thread, f"Lost {n}") for n in range(6)]
        await all_is_sent(north)
        await passed_over(sites)
        await south.rows("DELETE FROM posts WHERE id = $1", UUID(here["id"]))
        before = await finds(north)
        await a_day_goes_by(north)
        await sites.south.link(linked=True)
        late = await ada.replies(thread, "Late")
        await until(lambda: has(south, late), bool, seconds=MIRRORED_SECONDS)
        await until_repaired(north, before)
        await agree(north, south)
        assert await has(south, here, *lost)
        assert all(there > came for there, came in await numbers(sites, *lost)), "not by the link alone"
        await all_is_well(north)


async def passed_over(sites: Sites) -> None:
    """MirrorMaker's notes say that it has brought all posts; it mustn't run."""
    ends = {record.partition: record.offset for record in await sites.north.records(POSTS.name)}
    name = offsets_topic("north")
    notes = {record.key: record for record in await sites.south.records(name)}
    for key, record in notes.items():
        _, place = json.loads(key)
        if place["topic"] == POSTS.name:
            note = json.dumps({"offset": ends[place["partition"]]}).encode()
            await sites.south.put(name, note, key=key, partition=record.partition)
    done = await mirrored_so_far(sites.south.kafka, "north")
    assert {
        place.partition: offset - 1 for place, offset in done.items() if place.topic == POSTS.name
    } == ends


async def test_where_publishing_again_does_not_help_it_ends_in_an_alarm_and_all_else_goes_on(
    sites: Sites,
) -> None:
    async with sites.south.forum() as south, sites.north.forum() as north:
        await sites.south.link(linked=True)
        ada = await north.member("Elder")
        thread = await ada.opens()
        spoilt = await ada.replies(thread, "South will refuse it")
        await ada.replies(thread, "Kept")
        await agree(north, south)
        before = await finds(north)
        await a_day_goes_by(north)
        id_ = UUID(spoilt["id"])
        [row] = await north.rows("SELECT nonce FROM posts WHERE id = $1", id_)
        spoil = "UPDATE posts SET nonce = $2, version = version + 1, received = NULL WHERE id = $1"
        await north.rows(spoil, id_, bytes(16))
        late = await ada.replies(thread, "Late")
        await until(lambda: buckets(north), lambda said: said.get("alarmed") == 1, seconds=MIRRORED_SECONDS)
        assert await has(south, late)
        refused = "peercafe_federation_refused_records_total", "north", POSTS.name, "id"
        assert (await metrics(south))[refused] >= 3

        compared = await finds(north)
        assert compared["repaired"] == before["repaired"] + 3
        for _ in range(4):  # as many as would be a repair, and one
            version = (await finds(north))["version"]
            await until(lambda: finds(north), lambda found, last=version: found["version"] > last)  # type: ignore[misc]
        assert (await finds(north))["repaired"] == compared["repaired"]
        more = await ada.replies(thread, "Still here")
        await until(lambda: has(south, more), bool)

        await north.rows(spoil, id_, row["nonce"])
        await ada.do("PUT", f"/posts/{spoilt['id']}", {"body": "And now it won't"})
        await agree(north, south)
        await all_is_well(north)
