"""Where there are neighbours, what is written stands for others a while later: of here and of elsewhere at one moment."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.forum.policy import STANDS_AFTER
from shared.clock import SettableClock, stopped_at
from shared.contracts.payloads.forum import PostPublished, ThreadOpened
from shared.hlc import version_at
from tests.engines import Engines
from tests.forum.conftest import running, settings_for
from tests.forum.people import Json, Person, Place
from tests.forum.records import SOUTH, Applying, Region, received
from tests.forum.test_elsewhere import asked_for, shape
from tests.tokens import Issuer

READ_BACK, MIRRORED = 30, 1_000  # ms after it was written
STANDS = STANDS_AFTER // timedelta(milliseconds=1)
MOMENTS = sorted({0, READ_BACK, MIRRORED, STANDS - 1, STANDS, STANDS + 100, STANDS + 5_000})
WORDS = "Herons and otters"


@dataclass
class Scene:
    """North with a neighbour, at a moment that only the test moves; `ada`, `bo` and `cleo` are members."""

    place: Place
    applying: Applying
    time: SettableClock
    ada: Person
    bo: Person
    cleo: Person
    kari: Person

    def __post_init__(self) -> None:
        self.south = Region()

    def at(self, ms: int, since: datetime) -> None:
        self.time.at = since + timedelta(milliseconds=ms)

    async def read_back(self) -> None:
        """All of this region's threads and posts, as its consumer does."""
        kinds: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("threads", ThreadOpened),
            ("posts", PostPublished),
        )
        for name, payload in kinds:
            for _, state in await self.place.published(f"shared.forum.{name}.v1"):
                await self.applying.apply(received(payload(**state), None))


@pytest.fixture
async def scene(engines: Engines) -> AsyncIterator[Scene]:
    issuer, settings = Issuer(), await settings_for(engines, neighbours=(SOUTH,))
    with stopped_at(datetime.now(UTC).replace(microsecond=0)) as time:
        async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
            applying = Applying(place, STANDS_AFTER)
            ada, bo, cleo = [await place.member(name) for name in ("Ada", "Bo", "Cleo")]
            yield Scene(place, applying, time, ada, bo, cleo, place.consultant("Kari"))
            await applying.engine.dispose()


async def seen_of_post(scene: Scene, asks: Person, thread: Json, post: str) -> dict[str, Any]:
    """What somebody sees of a post in a thread, through every way there is."""
    page = await asks.reads(thread)
    [listed] = [each for each in await asks.threads() if each["id"] == thread["id"]]
    unanswered = [each["id"] for each in await asks.threads(unanswered=True)]
    alone = await asks.ask("GET", f"/posts/{post}")
    following = await asks.reads(thread, after=post)
    answers = {
        path: await asks.ask(method, f"/posts/{post}{path}", body)
        for method, path, body in (
            ("PUT", "/reactions/thanks", None),
            ("PUT", "/report", {"category": "worry"}),
            ("PUT", "", {"body": "Mine now"}),
            ("DELETE", "", None),
            *((("POST", "/hides", {"reason": "Not kind"}),) if asks.role == "consultant" else ()),
        )
    }
    if answers["/reactions/thanks"].is_success:
        await asks.do("DELETE", f"/posts/{post}/reactions/thanks")
    if "/hides" in answers and answers["/hides"].is_success:
        await asks.do("DELETE", f"/posts/{post}/hides")
    return {
        "page": [shape(each) for each in page["posts"]],
        "new": [each["new"] for each in page["posts"]],
        "numbers": (page["replies"], page["last_activity"], page["answered"], page["next"]),
        "list": {
            name: listed[name] for name in ("replies", "last_activity", "answered", "unread", "watching")
        },
        "unanswered": thread["id"] in unanswered,
        "permalink": (alone.status_code, shape(alone.json())),
        "as a place": len(following["posts"]),
        "found": len([each for each in await asks.finds(WORDS) if each["thread_id"] == thread["id"]]),
        "for you": len([each for each in await asks.for_you() if each["thread_id"] == thread["id"]]),
        "acts": {
            path: (each.status_code, each.json()["type"] if not each.is_success else None)
            for path, each in answers.items()
        },
    }


async def test_a_post_of_here_and_one_from_elsewhere_stand_for_others_at_one_moment(scene: Scene) -> None:
    ada, bo, cleo, south = scene.ada, scene.bo, scene.cleo, scene.south
    here, there = await bo.opens("Mornings"), await bo.opens("Evenings")
    await scene.applying.south(south.profile())
    scene.time.move(timedelta(minutes=1))
    await scene.read_back()
    await scene.applying.announce()
    for thread in (here, there):
        await cleo.do("PUT", f"/threads/{thread['id']}/watching")
    scene.time.move(timedelta(minutes=1))
    empty = await seen_of_post(scene, cleo, here, str(UUID(int=0)))
    written = scene.time.at
    theirs = south.post(UUID(there["id"]), WORDS)
    ours = await ada.replies(here, WORDS)
    for ms in MOMENTS:
        scene.at(ms, written)
        if ms == READ_BACK:
            await scene.read_back()
        if ms == MIRRORED:
            await scene.applying.south(theirs)
        await scene.applying.announce()
        for asks in (cleo, bo, scene.kari):
            seen = await seen_of_post(scene, asks, here, ours["id"])
            assert seen == await seen_of_post(scene, asks, there, str(theirs.id)), ms
            if asks is cleo and ms < STANDS:
                assert seen == empty, ms
        told = [await asked_for(scene.place, asks) for asks in (bo, cleo)]
        assert told == ([0, 0] if ms < STANDS else [1, 1]), ms
        own = await ada.reads(here)
        assert [each["id"] for each in own["posts"]][1:] == [ours["id"]], "its writer sees it at once"
        assert (own["replies"], own["answered"]) == (1, True)
        assert (await ada.ask("GET", f"/posts/{ours['id']}")).is_success
        assert ours["id"] in [each["post_id"] for each in await ada.finds(WORDS)]
    seen = await seen_of_post(scene, cleo, here, ours["id"])
    assert (
        len(seen["page"]),
        seen["numbers"][0],
        seen["list"]["replies"],
        seen["for you"],
        seen["found"],
    ) == (2, 1, 1, 1, 1)
    assert (seen["new"], seen["list"]["unread"], seen["unanswered"]) == ([True, True], True, False)

    await scene.read_back()
    await scene.applying.south(theirs)
    await scene.applying.announce()
    assert await seen_of_post(scene, cleo, here, ours["id"]) == seen, "coming again changes nothing"
    assert [await asked_for(scene.place, asks) for asks in (bo, cleo)] == [1, 1]
    assert await scene.place.rows("SELECT FROM posts_to_announce") == []


async def seen_of_thread(asks: Person, thread: str) -> dict[str, Any]:
    page = await asks.ask("GET", f"/threads/{thread}")
    listed = [
        [
            (shape(each), each["replies"], each["last_activity"], each["unread"])
            for each in threads
            if each["id"] == thread
        ]
        for threads in (
            await asks.threads(),
            await asks.threads(order="oldest"),
            await asks.threads(unanswered=True),
        )
    ]
    answers = [
        await asks.ask("PUT", f"/threads/{thread}/watching"),
        await asks.ask("PUT", f"/threads/{thread}/read-mark", {"shown": [thread]}),
    ]
    if not page.is_success:  # else it would stand there from then on
        answers.append(await asks.ask("POST", f"/threads/{thread}/posts", {"body": "Good morning"}))
    return {
        "page": (page.status_code, shape(page.json())),
        "list": listed,
        "found": len([each for each in await asks.finds(WORDS) if each["thread_id"] == thread]),
        "acts": [each.status_code for each in answers],
    }


async def test_a_thread_of_here_and_one_from_elsewhere_stand_for_others_at_one_moment(scene: Scene) -> None:
    ada, cleo, south = scene.ada, scene.cleo, scene.south
    await scene.applying.south(south.profile())
    nothing = await seen_of_thread(cleo, str(UUID(int=0)))
    written = scene.time.at
    there = south.thread(WORDS)
    opening = south.post(there.id, WORDS, opening=True)
    here = await ada.opens(WORDS, WORDS)
    for ms in MOMENTS:
        scene.at(ms, written)
        if ms == READ_BACK:
            await scene.read_back()
        if ms == MIRRORED:
            await scene.applying.south(there, opening)
        for _ in range(2):  # before and after what is due was done
            for asks in (cleo, scene.kari):
                seen = await seen_of_thread(asks, here["id"])
                assert seen == await seen_of_thread(asks, str(there.id)), ms
                assert (seen == nothing) == (ms < STANDS), ms
            await scene.applying.announce()
        assert [each["id"] for each in (await ada.reads(here))["posts"]] == [here["posts"][0]["id"]]
        assert here["id"] in [each["id"] for each in await ada.threads()], "its writer sees it at once"
    assert (await seen_of_thread(cleo, here["id"]))["found"] == 2, "title and text"


async def test_what_is_ahead_of_time_waits_a_little_and_what_comes_late_stands_at_once(scene: Scene) -> None:
    south, thread = scene.south, await scene.ada.opens()
    scene.time.move(timedelta(minutes=1))
    await scene.read_back()
    late = south.post(UUID(thread["id"]), "Late")
    scene.time.move(STANDS_AFTER)
    await scene.applying.south(south.profile(), late)
    assert [each["id"] for each in (await scene.bo.reads(thread))["posts"]][1:] == [str(late.id)]

    now = scene.time.at
    scene.time.move(timedelta(minutes=9))
    ahead = south.post(UUID(thread["id"]), "Nine minutes ahead")
    scene.time.at = now
    await scene.applying.south(ahead)
    for by, there in (
        (2 * STANDS_AFTER - timedelta(milliseconds=1), False),
        (timedelta(milliseconds=1), True),
    ):
        scene.time.move(by)
        posts = (await scene.bo.reads(thread))["posts"]
        assert (str(ahead.id) in [each["id"] for each in posts]) == there


async def test_what_was_announced_stays_so_when_the_clock_is_set_back(scene: Scene) -> None:
    thread = await scene.ada.opens()
    await scene.ada.replies(thread)
    scene.time.move(timedelta(seconds=2))
    await scene.read_back()
    counted = "SELECT announced_at, counted, replies FROM posts p JOIN thread_activity a USING (thread_id) ORDER BY written"
    before = await scene.place.rows(counted)
    assert [row["counted"] for row in before] == [False, True]
    scene.time.move(timedelta(minutes=-5))
    await scene.read_back()
    scene.time.move(timedelta(minutes=6))
    await scene.applying.announce()
    assert await scene.place.rows(counted) == before


async def test_what_still_waits_when_the_last_neighbour_leaves_is_counted_and_told(scene: Scene) -> None:
    thread = await scene.bo.opens()
    scene.time.move(timedelta(minutes=1))
    await scene.read_back()
    await scene.applying.announce()
    await scene.ada.replies(thread, WORDS)
    await scene.read_back()
    waiting = "SELECT FROM posts_to_announce"
    assert len(await scene.place.rows(waiting)) == 1
    alone = Applying(scene.place)
    try:
        await alone.announce()
    finally:
        await alone.engine.dispose()
    assert await scene.place.rows(waiting) == []
    assert [row["replies"] for row in await scene.place.rows("SELECT replies FROM thread_activity")] == [1]
    assert await asked_for(scene.place, scene.bo) == 1


async def test_a_mark_up_to_ones_own_reply_reads_nothing_that_does_not_stand_yet(scene: Scene) -> None:
    ada, bo, cleo, kari, south = scene.ada, scene.bo, scene.cleo, scene.kari, scene.south
    here, there = await bo.opens("Mornings"), await bo.opens("Evenings")
    await scene.applying.south(south.profile())
    scene.time.move(timedelta(minutes=1))
    await scene.read_back()
    await scene.applying.announce()
    written = scene.time.at
    ours, theirs = await ada.replies(here, WORDS), south.post(UUID(there["id"]), WORDS)
    scene.at(MIRRORED // 2, written)
    for asks in (cleo, kari):
        for thread in (here, there):
            mine = await asks.replies(thread)
            await asks.do("PUT", f"/threads/{thread['id']}/read-mark", {"upto": mine["id"]})
            await asks.do("PUT", f"/posts/{mine['id']}/report", {"category": "worry"})
    told = (await kari.do("GET", "/reports"))["items"]
    openings = {thread["id"]: thread["posts"][0]["id"] for thread in (here, there)}
    assert [each["after"] for each in told] == [openings[each["thread_id"]] for each in told]
    scene.at(MIRRORED, written)
    await scene.applying.south(theirs)
    scene.at(STANDS, written)
    for asks in (cleo, kari):
        for thread, post in ((here, ours["id"]), (there, str(theirs.id))):
            new = {each["id"]: each["new"] for each in (await asks.reads(thread))["posts"]}
            assert (new.pop(thread["posts"][0]["id"]), new.pop(post)) == (False, True)


async def test_what_is_written_while_a_neighbours_clock_is_fast_stands_here_when_it_stands_elsewhere(
    scene: Scene,
) -> None:
    ada, applying = scene.ada, scene.applying
    thread = await ada.opens()
    scene.time.move(timedelta(minutes=1))
    # What is edited is above what was read of it, and so is all that is written after it.
    fast = version_at(scene.time.at + timedelta(minutes=9))
    await applying.execute("UPDATE posts SET version = :version", version=fast)
    await ada.do("PUT", f"/posts/{thread['posts'][0]['id']}", {"body": "Mine now"})
    written = scene.time.at
    another, reply = await ada.opens(WORDS), await ada.replies(thread, WORDS)
    stands = "SELECT arrived_at FROM {} WHERE id = $1"
    for table, payload, id_ in (
        ("threads", ThreadOpened, another["id"]),
        ("posts", PostPublished, another["posts"][0]["id"]),
        ("posts", PostPublished, reply["id"]),
    ):
        scene.at(0, written)
        [state] = [s for key, s in await scene.place.published(f"shared.forum.{table}.v1") if key == id_]
        assert state["version"] > fast
        here = await scene.place.rows(stands.format(table), UUID(id_))
        assert here[0]["arrived_at"] < written + 2 * STANDS_AFTER
        # Elsewhere there is no row of it, and it comes when it was mirrored.
        await applying.execute(f"DELETE FROM {table} WHERE id = :id", id=UUID(id_))
        scene.at(MIRRORED, written)
        await applying.apply(received(payload(**state), None))
        assert await scene.place.rows(stands.format(table), UUID(id_)) == here
