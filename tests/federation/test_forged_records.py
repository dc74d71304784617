"""A hostile neighbour: whatever it puts into its topics comes over the link, is judged here, and stops nothing.

South is its Kafka alone, into which these tests write; north pulls from it with MirrorMaker and reads with its forum.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.kafka.topics import apply
from services.forum.replicas.tables import TABLES
from shared import clock
from shared.contracts.envelope import Envelope
from shared.contracts.payloads.forum import PostPublished
from shared.contracts.payloads.payload import State
from shared.contracts.topics import CATALOGUE, DEAD_LETTERS, MODERATION, POSTS, PROFILES, THREADS
from shared.hlc import milliseconds
from tests.federation.forums import MIRRORED_SECONDS, Site, Sites, two_sites
from tests.forum.digests.test_on_the_bus import metrics
from tests.forum.people import Json, Person, Place, until
from tests.forum.records import Region, ahead
from tests.region.running import peercafe

pytestmark = pytest.mark.timeout(400)
REFUSED = "peercafe_federation_refused_records_total"
FUTURE = timedelta(days=400)
WIDE_OPEN = {"max_message_bytes": str(4 * 1024 * 1024), "message_timestamp_after_max_ms": str(2**62)}


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with two_sites() as sites:
        sites.south.say_link(linked=False)  # nobody there pulls anything
        yield sites


@pytest.fixture
async def north(sites: Sites) -> AsyncIterator[Place]:
    async with sites.south.links(), sites.north.forum() as north:
        yield north


@pytest.fixture
def south(sites: Sites, north: Place) -> "Hostile":
    return Hostile(sites.south)


class Hostile(Region):
    """South's records, and the hand that puts them into its own Kafka."""

    def __init__(self, site: Site) -> None:
        super().__init__("south")
        self.site = site

    async def says(self, *states: State) -> None:
        """As its forum would."""
        for state in states:
            await self.forges(state)

    async def forges(
        self,
        state: State,
        *,
        key: bytes | None = None,
        value: bytes | None = None,
        more: tuple[tuple[str, bytes], ...] = (),
        **record: Any,
    ) -> None:
        """The state's record, but for what is said; `more`: headers."""
        topic = next(each for each in CATALOGUE if type(state) in each.payloads)
        headers = Envelope(uuid4(), state.type, "peercafe/forum", clock.now()).headers()
        body = state.model_dump_json().encode() if value is None else value
        key = key or str(state.id).encode()
        await self.site.put(topic.name, body, key=key, headers=[*headers, *more], **record)


async def refused(north: Place) -> dict[tuple[str, ...], float]:
    """How many of south's records, by topic and reason."""
    return {key[2:]: count for key, count in (await metrics(north)).items() if key[:2] == (REFUSED, "south")}


async def came(north: Place, *states: State) -> None:
    """Until these are there; so all that stood before them in their partitions was read."""
    for state in states:
        table = next(table for table in TABLES.values() if type(state) in table.topic.payloads)
        found = partial(north.rows, f"SELECT 1 FROM {table.name} WHERE id = $1", state.id)
        await until(found, bool, seconds=MIRRORED_SECONDS)


async def everything(north: Place) -> dict[str, list[Json]]:
    """All rows of the shared forum, once all that north wrote was read back."""
    names = [table.name for table in TABLES.values()]
    for name in names:
        unread = f"SELECT 1 FROM {name} WHERE home = 'north' AND read_back IS NULL"
        await until(partial(north.rows, unread), lambda rows: not rows)
    return {name: await north.rows(f"SELECT * FROM {name} ORDER BY 1") for name in (*names, "held_records")}


async def test_forged_records_are_refused_and_counted_and_nothing_else_stops(
    sites: Sites, north: Place, south: Hostile
) -> None:
    ada = await north.member("Ada")
    own = await ada.opens("Ours", "Ours alone")
    opening = own["posts"][0]
    [ours] = await north.rows("SELECT * FROM posts WHERE id = $1", UUID(opening["id"]))
    profile, thread = south.profile(), south.thread()
    genuine = south.post(thread.id, "As it was written", opening=True)
    await south.says(profile, thread, genuine)
    await came(north, profile, thread, genuine)
    before = await everything(north)

    as_ours = PostPublished(
        id=ours["id"], home="north", version=ours["version"] + 1, nonce=ours["nonce"].hex(), opening=True,
        author_id=ours["author_id"], author_nonce=ours["author_nonce"].hex(), thread_id=ours["thread_id"],
        written=ours["written"], body="Forged",
    )  # fmt: skip
    adas = {"author_id": ours["author_id"], "author_nonce": ours["author_nonce"].hex()}
    # What only its owner may say: under our home, a third one's, its own.
    await south.forges(as_ours)
    await south.forges(Region("west").post(thread.id))
    await south.forges(as_ours.model_copy(update={"home": "south"}))
    # Ids that don't recompute, and somebody else's.
    await south.forges(south.post(thread.id, nonce="0" * 32))
    await south.forges(south.post(thread.id, **adas))
    await south.forges(south.profile(id=adas["author_id"], nonce=adas["author_nonce"]))
    await south.forges(south.hides(ours["id"]).model_copy(update={"id": f"{ours['id']}:north"}))
    await south.forges(south.post(thread.id), key=str(genuine.id).encode())
    # What is no record of this contract, or tells its reader what to do.
    await south.forges(south.post(thread.id), value=b"{")
    await south.forges(south.post(thread.id), value=json.dumps({"id": str(uuid4())}).encode())
    await south.forges(south.post(thread.id), key=b"\xff\xfe")
    await south.forges(south.post(thread.id), more=(("reply_to", POSTS.name.encode()),))
    # What no database can keep: at once, or when it is due.
    later = ahead(timedelta(minutes=11))
    no_time_in_utc = (("ce_time", b"9999-12-31T23:59:59-12:00"),)
    await south.forges(south.thread(version=later), more=no_time_in_utc)
    await south.forges(south.thread("nothing\0more", version=later))
    # What would be kept for years, or is huge: for a page, for an index, for anybody's Kafka.
    await sites.south.configure(POSTS, **WIDE_OPEN)
    await south.forges(south.post(thread.id), value=b"[]", timestamp_ms=milliseconds(clock.now() + FUTURE))
    await south.forges(south.post(thread.id, "word " * 100_000))
    await south.forges(south.profile("n" * 100_000))
    await south.forges(south.post(thread.id, "x" * 3 * 1024 * 1024))

    after = [south.post(thread.id, f"Goes on {n}") for n in range(16)]  # in all partitions
    await south.says(*after)
    await came(north, *after)
    expected = {
        (POSTS.name, "home"): 2, (POSTS.name, "id"): 3, (PROFILES.name, "id"): 1, (MODERATION.name, "id"): 1,
        (POSTS.name, "key"): 2, (POSTS.name, "payload"): 3, (POSTS.name, "reply-to"): 1, (POSTS.name, "size"): 1,
        (PROFILES.name, "size"): 1, (THREADS.name, "envelope"): 1, (THREADS.name, "text"): 1,
    }  # fmt: skip
    assert await until(lambda: refused(north), lambda found: sum(found.values()) >= 17) == expected
    now = await everything(north)
    now["posts"] = [row for row in now["posts"] if row["id"] not in {post.id for post in after}]
    assert [name for name, rows in now.items() if rows != before[name]] == []
    page = await ada.reads(own)
    assert [(post["body_html"], post["hidden"]) for post in page["posts"]] == [("<p>Ours alone</p>\n", False)]
    assert len(await north.rows("SELECT FROM security_log WHERE event LIKE 'record-refused-%'")) == 11
    letters = [json.loads(record.value) for record in await sites.north.records(DEAD_LETTERS["forum"].name)]
    assert sorted(letter["error"] for letter in letters) == ["envelope", "key", *["payload"] * 3, "reply-to"]
    assert {letter["body"] for letter in letters} == {None}


async def test_an_old_version_changes_nothing(north: Place, south: Hostile) -> None:
    thread = south.thread()
    posts = [south.post(thread.id) for _ in range(3)]
    edited = [
        post.model_copy(update={"version": south.home.clock.tick(), "body": "Better"}) for post in posts
    ]
    erased = posts[2].model_copy(update={"version": south.home.clock.tick(), "body": None, "erased": True})
    # As they were; the erased one even as it would be written later.
    revived = edited[2].model_copy(update={"version": south.home.clock.tick()})
    last = [south.post(thread.id) for _ in range(16)]  # in all partitions
    await south.says(*edited, erased, *posts, revived, *edited[:2], *last)
    await came(north, *last)
    for post, stands in zip(posts, (*edited[:2], erased), strict=True):
        [row] = await north.rows("SELECT version, body, erased FROM posts WHERE id = $1", post.id)
        assert row == {"version": stands.version, "body": stands.body, "erased": stands.erased}


async def test_topics_of_a_region_that_is_no_neighbour_are_not_read(
    sites: Sites, north: Place, south: Hostile
) -> None:
    topics = [topic.mirrored_from("west") for topic in (PROFILES, THREADS, POSTS)]
    await apply(sites.north.kafka, topics)
    west = Region("west")
    thread = west.thread()
    for topic, state in zip(topics, (west.profile(), thread, west.post(thread.id)), strict=True):
        headers = Envelope(uuid4(), state.type, "peercafe/forum", clock.now()).headers()
        await sites.north.put(
            topic.name, state.model_dump_json().encode(), key=str(state.id).encode(), headers=headers
        )
    post = south.post(thread.id)
    await south.says(post)
    await came(north, post)
    for table in ("profiles", "threads", "posts"):
        assert await north.rows(f"SELECT 1 FROM {table} WHERE home = 'west'") == []


async def test_a_neighbour_that_hides_every_post_is_muted_in_one_command_and_heard_again(
    sites: Sites, north: Place, south: Hostile
) -> None:
    ada, bo = await north.member("Birch"), await north.member("Fir")
    thread = await ada.opens()
    await until(partial(bo.ask, "GET", f"/threads/{thread['id']}"), lambda answer: answer.is_success)
    for n in range(4):
        await bo.replies(thread, f"Reply {n}")
    page = await until(lambda: ada.reads(thread), lambda page: len(page["posts"]) == 5)
    posts = [UUID(post["id"]) for post in page["posts"]]
    await south.says(*(south.hides(post, "Because we can") for post in posts))
    await until(lambda: hidden(ada, thread), all, seconds=MIRRORED_SECONDS)

    await command(sites.north, "mute", "south")
    assert await hidden(ada, thread) == [False] * 5
    late = await bo.replies(thread, "One more")
    more = south.hides(UUID(late["id"]), "This too")
    await south.says(more)
    await came(north, more)
    await until(lambda: ada.reads(thread), lambda page: len(page["posts"]) == 6)
    assert await hidden(ada, thread) == [False] * 6

    await command(sites.north, "unmute", "south")
    assert await hidden(ada, thread) == [True] * 6


async def hidden(person: Person, thread: Json) -> list[bool]:
    return [post["hidden"] for post in (await person.reads(thread))["posts"]]


async def command(site: Site, *words: str) -> None:
    """`peercafe federation …` at a site, beside its forum."""
    await asyncio.to_thread(peercafe, site, "federation", *words)  # type: ignore[arg-type]
