"""Records of this and other regions, applied by the same code, in any order."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.models import PROJECTION, Post
from shared.clock import stopped_at
from shared.contracts.payloads.forum import PostPublished
from shared.database.engine import make_engine
from tests.engines import Engines
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying, Region, ahead, received


async def test_another_regions_thread_reads_like_ones_own(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    opening = south.post(thread.id, "**Sun** <script>", opening=True)
    await applying.south(south.profile(), thread, opening, south.reaction(opening.id))

    page = await ada.reads({"id": thread.id})
    assert page["author"]["name"] == "Sol"
    assert page["posts"][0]["body_html"].strip() == "<p><strong>Sun</strong> &lt;script&gt;</p>"
    assert page["posts"][0]["reactions"]["thanks"] == {"any": True, "mine": False}
    await ada.replies({"id": thread.id})
    assert [t["id"] for t in await ada.threads()] == [str(thread.id)]


async def test_the_same_records_in_any_order_and_twice_make_the_same_forum(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south, other = Region(), Region()
    thread = south.thread()
    opening = south.post(thread.id, "First", opening=True)
    other.home.clock.observe(opening.version)  # its region had the opening when it was written
    reply = other.post(thread.id, "Second")
    edited = reply.model_copy(update={"version": other.home.clock.tick(), "body": "Better", "edited": True})
    removed = opening.model_copy(update={"version": south.home.clock.tick(), "body": None, "erased": True})
    hidden = south.hides(reply.id, "names somebody")
    records = [
        received(p, SOUTH) for p in (
            south.profile(), other.profile("Måne"), thread, opening, reply, edited, removed, hidden,
        )
    ]  # fmt: skip
    seen = set()
    for seed in range(12):
        for table in ("posts", "threads", "profiles", "moderation", "thread_activity"):
            await forum.database.execute(f"TRUNCATE {table}")
        shuffled = records + random.Random(seed).sample(records, 4)
        random.Random(seed).shuffle(shuffled)
        while shuffled:
            size = random.Random(seed + len(shuffled)).randint(1, 4)
            await applying.apply(*shuffled[:size])
            shuffled = shuffled[size:]
        page = await ada.reads({"id": thread.id})
        seen.add(str({k: v for k, v in page.items() if k != "posts"}) + str(page["posts"]))
        assert page["replies"] == 1
        assert page["answered"]
        assert [(p["removed"], p["hidden"]) for p in page["posts"]] == [(True, False), (False, True)]
    assert len(seen) == 1


async def test_a_hidden_post_stays_hidden_when_an_edit_arrives(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    post = south.post(thread.id, "A name")
    await applying.south(thread, south.hides(post.id, "a name"), post)
    await applying.south(post.model_copy(update={"version": south.home.clock.tick(), "body": "Another name"}))
    [shown] = (await ada.reads({"id": thread.id}))["posts"]
    assert (shown["hidden"], shown["body_html"], shown["author"]) == (True, None, None)


async def test_only_the_targets_home_and_the_hiding_region_can_lift_a_hide(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    thread = await ada.opens()
    reply = await ada.replies(thread)
    from_abroad = south.hides(UUID(reply["id"]), "we think so")
    await applying.south(from_abroad)
    kari = forum.consultant("Kari")
    assert [p["hidden"] for p in (await ada.reads(thread))["posts"]] == [False, True]
    await kari.do("DELETE", f"/posts/{reply['id']}/hides")
    assert [p["hidden"] for p in (await ada.reads(thread))["posts"]] == [False, False]

    there = south.thread()
    post = south.post(there.id)
    own_hide = south.hides(post.id, "ours")
    await applying.south(there, post, own_hide)
    await kari.do("DELETE", f"/posts/{post.id}/hides")  # not ours to lift
    assert [p["hidden"] for p in (await ada.reads({"id": there.id}))["posts"]] == [True]
    lifted = own_hide.model_copy(
        update={"version": south.home.clock.tick(), "lifts": tuple(h.id for h in own_hide.hides)}
    )
    await applying.south(lifted)
    assert [p["hidden"] for p in (await ada.reads({"id": there.id}))["posts"]] == [False]


@pytest.mark.parametrize("order", ["before its thread", "after its thread"])
@pytest.mark.parametrize("said", ["an opening", "a reply"])
async def test_what_another_puts_into_a_thread_as_its_older_opening_is_a_reply_to_it(
    forum: Place, ada: Person, applying: Applying, order: str, said: str
) -> None:
    south, other = Region(), Region()
    with stopped_at(datetime.now(UTC)) as time:
        early = other.post(UUID(int=0), "Not my words", opening=said == "an opening")
        time.move(timedelta(minutes=1))
        thread = south.thread()
        opening = south.post(thread.id, "My words", opening=True)
    early = early.model_copy(update={"thread_id": thread.id})
    records = [south.profile(), other.profile("Måne"), thread, opening]
    await applying.south(*([early, *records] if order == "before its thread" else [*records, early]))
    page = await ada.reads({"id": thread.id})
    assert [(post["id"], post["opening"]) for post in page["posts"]] == [
        (str(opening.id), True), (str(early.id), False),
    ]  # fmt: skip
    first = await ada.reads({"id": thread.id}, limit=1)
    assert [post["id"] for post in first["posts"]] == [str(opening.id)]
    then = await ada.reads({"id": thread.id}, limit=1, after=first["next"])
    assert ([post["id"] for post in then["posts"]], then["next"]) == ([str(early.id)], None)
    assert (await ada.do("GET", f"/posts/{early.id}"))["opening"] is False
    for told in (page, *await ada.threads()):
        assert (told["replies"], told["answered"]) == (1, True)
    [_, found] = sorted(await ada.finds("words"), key=lambda one: str(one["post_id"] == str(opening.id)))
    assert (found["post_id"], found["after"]) == (str(opening.id), None)

    await applying.south(
        early.model_copy(update={"version": other.home.clock.tick(), "erased": True, "body": None})
    )
    for told in (await ada.reads({"id": thread.id}), *await ada.threads(unanswered=True)):
        assert (told["replies"], told["answered"]) == (0, False)
    assert [each["id"] for each in await ada.threads(unanswered=True)] == [str(thread.id)]


async def test_an_erased_opening_of_anothers_that_came_before_its_thread_answers_nothing(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south, other = Region(), Region()
    thread = south.thread()
    erased = other.post(thread.id, opening=True).model_copy(update={"erased": True, "body": None})
    await applying.south(erased, south.post(thread.id, opening=True))
    await applying.south(south.profile(), other.profile("Måne"), thread)
    [listed] = await ada.threads()
    assert (listed["replies"], listed["answered"]) == (0, False)


async def test_an_opening_put_into_anothers_thread_is_hidden_by_itself(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    thread = await ada.opens()
    south = Region()
    foreign = south.post(UUID(thread["id"]), "Insults", opening=True)
    await applying.south(south.profile(), foreign)
    await kari.do("POST", f"/posts/{foreign.id}/hides", {"reason": "insults"})
    page = await ada.reads(thread)
    assert [post["hidden"] for post in page["posts"]] == [False, True]
    assert not page["hidden"]
    await kari.do("DELETE", f"/posts/{foreign.id}/hides")
    assert [post["hidden"] for post in (await ada.reads(thread))["posts"]] == [False, False]


async def test_a_home_whose_database_was_set_back_says_above_that_the_post_is_erased(
    forum: Place, ada: Person, applying: Applying
) -> None:
    thread = await ada.opens()
    post = await ada.replies(thread, "Personal words")
    await ada.do("DELETE", f"/posts/{post['id']}")
    live, erased = [
        PostPublished(**state)
        for key, state in await forum.published("shared.forum.posts.v1")
        if key == post["id"]
    ]
    zombie = live.model_copy(update={"version": erased.version + 5, "body": "Undead"})
    await forum.database.execute("DELETE FROM outbox")
    await applying.apply(*(received(state, None) for state in (live, erased, zombie)))
    [(_, again)] = await forum.published("shared.forum.posts.v1")
    assert (again["erased"], again["body"]) == (True, None)
    assert again["version"] > zombie.version
    await applying.apply(received(PostPublished(**again), None))
    assert len(await forum.published("shared.forum.posts.v1")) == 1
    assert (await ada.do("GET", f"/posts/{post['id']}"))["removed"]


async def test_our_own_records_wait_for_no_clock(forum: Place, ada: Person, applying: Applying) -> None:
    """Written while this region's clock was fast, and lost with the database: edited again, it goes on above."""
    thread = await ada.opens()
    [(_, state)] = await forum.published("shared.forum.posts.v1")
    fast = PostPublished(**state).model_copy(update={"version": ahead(timedelta(minutes=15)), "body": "Fast"})
    await applying.apply(received(fast, None))
    post = thread["posts"][0]
    assert (await ada.do("GET", f"/posts/{post['id']}"))["body"] == "Fast"
    await ada.do("PUT", f"/posts/{post['id']}", {"body": "Corrected"})
    versions = [state["version"] for _, state in await forum.published("shared.forum.posts.v1")]
    assert versions[-1] > fast.version


async def test_whoever_was_answered_by_removed_replies_alone_waits_for_an_answer(
    forum: Place, ada: Person, applying: Applying
) -> None:
    """However it came: a removed reply that arrives removed, or a reply whose thread arrives after its removal."""
    for late in (True, False):
        south, other = Region(), Region()
        thread = south.thread()
        opening = south.post(thread.id, "First", opening=True)
        reply = other.post(thread.id, "Second")
        removed = reply.model_copy(update={"version": other.home.clock.tick(), "body": None, "erased": True})
        if late:
            await applying.south(reply)
            await applying.south(removed)
            await applying.south(opening, thread)
        else:
            await applying.south(opening, thread, removed)
        page = await ada.reads({"id": thread.id})
        assert (page["replies"], page["answered"]) == (0, False)


def forgeries() -> list[tuple[str, Any, str | None]]:
    south, east = Region(), Region("east")
    thread = south.thread()
    post = south.post(thread.id)
    return [
        ("another home than the topic's prefix", east.thread(), SOUTH),
        ("a neighbour that isn't configured", east.thread(), "east"),
        ("our home from abroad", Region("north").thread(), SOUTH),
        ("abroad's home on our own topic", thread, None),
        ("an id of another region", thread.model_copy(update={"id": east.thread().id}), SOUTH),
        ("an author of another region", thread.model_copy(update={"author_id": east.author.id}), SOUTH),
        ("a wrong nonce", thread.model_copy(update={"nonce": "0" * 32}), SOUTH),
        ("a place that its id doesn't have", post.model_copy(update={"written": post.version + (1 << 20)}), SOUTH),
        ("a decision under another region's id", south.hides(post.id).model_copy(update={"id": f"{post.id}:north"}), SOUTH),
        ("a profile of another region", south.profile(id=east.author.id), SOUTH),
    ]  # fmt: skip


@pytest.mark.parametrize(("what", "payload", "origin"), forgeries(), ids=[what for what, _, _ in forgeries()])
async def test_a_forged_record_is_refused_and_noted_without_its_text(
    forum: Place, applying: Applying, what: str, payload: Any, origin: str | None
) -> None:
    await applying.apply(received(payload, origin))
    for table in ("threads", "posts", "profiles", "moderation"):
        assert await forum.rows(f"SELECT FROM {table}") == []
    [noted] = await forum.rows("SELECT * FROM security_log")
    assert noted["event"].startswith("record-refused-")
    assert "From the south" not in str(noted)


async def test_a_record_far_ahead_of_time_waits_until_it_is_due(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    soon, later = timedelta(minutes=9), timedelta(minutes=30)
    thread = south.thread()
    await applying.south(thread)
    for by in (soon, later):
        version = ahead(by)
        identity = south.home.entity(version)
        await applying.south(
            south.post(
                thread.id,
                str(by),
                id=identity.id,
                nonce=identity.nonce.hex(),
                version=version,
                written=version,
            )
        )
    assert len((await ada.reads({"id": thread.id}))["posts"]) == 1
    await applying.release_due()
    assert len((await ada.reads({"id": thread.id}))["posts"]) == 1
    with stopped_at(datetime.now(UTC) + timedelta(minutes=21)):
        await applying.release_due()
    assert len((await ada.reads({"id": thread.id}))["posts"]) == 2
    assert await forum.rows("SELECT FROM held_records") == []


async def test_held_records_that_this_release_cant_read_stay_and_hold_up_nobody(
    forum: Place, applying: Applying
) -> None:
    south = Region()
    day = timedelta(days=1)
    threads = [south.thread(title, version=ahead(day)) for title in ("of a new type", "broken", "good")]
    await applying.south(south.profile(), *threads)
    for thread, change in zip(
        threads, ("type = 'peercafe.forum.thread.reopened.v1'", "body = '{}'"), strict=False
    ):
        await applying.execute(f"UPDATE held_records SET {change} WHERE key = '{thread.id}'")
    with stopped_at(datetime.now(UTC)) as time:
        time.move(day)
        await applying.release_due()
        assert [row["title"] for row in await forum.rows("SELECT title FROM threads")] == ["good"]
        assert len(await forum.rows("SELECT FROM held_records")) == 2
        # An upgrade knows both.
        await applying.execute(f"UPDATE held_records SET type = '{threads[0].type}'")
        repaired = threads[1].model_dump_json().encode()
        broken = str(threads[1].id)
        await applying.execute(
            "UPDATE held_records SET body = :body WHERE key = :key", body=repaired, key=broken
        )
        time.move(timedelta(hours=1))
        await applying.release_due()
    titles = {row["title"] for row in await forum.rows("SELECT title FROM threads")}
    assert titles == {"of a new type", "broken", "good"}
    assert await forum.rows("SELECT FROM held_records") == []


async def test_our_clock_doesnt_follow_one_that_is_far_ahead(applying: Applying) -> None:
    south = Region()
    await applying.south(south.thread(version=ahead(timedelta(days=400))))
    assert applying.home.clock.tick() < ahead(timedelta(minutes=1))


async def test_a_restored_backup_takes_what_it_had_published_since(
    forum: Place, ada: Person, applying: Applying
) -> None:
    thread = await ada.opens()
    post = await ada.replies(thread, "Before the backup")
    await ada.do("PUT", f"/posts/{post['id']}", {"body": "After the backup"})
    topic = await forum.published("shared.forum.posts.v1")
    await forum.database.execute(
        "UPDATE posts SET body = 'Before the backup', version = version - 1000000 WHERE id = $1::uuid",
        post["id"],
    )
    await applying.apply(*(received(PostPublished(**state), None) for _, state in topic))
    assert (await ada.do("GET", f"/posts/{post['id']}"))["body"] == "After the backup"


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_an_older_state_that_comes_last_makes_its_home_publish_again(
    forum: Place, ada: Person, applying: Applying, in_one_batch: bool
) -> None:
    thread = await ada.opens()
    post = thread["posts"][0]
    await ada.do("PUT", f"/posts/{post['id']}", {"body": "Newest"})
    old, new = [PostPublished(**state) for _, state in await forum.published("shared.forum.posts.v1")]
    await forum.database.execute("DELETE FROM outbox")
    if in_one_batch:
        await applying.apply(received(new, None), received(old, None))
    else:
        await applying.apply(received(new, None))
        assert await forum.published("shared.forum.posts.v1") == []
        await applying.apply(received(old, None))
    [(_, again)] = await forum.published("shared.forum.posts.v1")
    assert PostPublished(**again) == new
    await applying.apply(received(new, None))
    assert len(await forum.published("shared.forum.posts.v1")) == 1


async def test_what_is_received_is_kept_whole_with_unknown_fields(forum: Place, applying: Applying) -> None:
    import json

    record = received(Region().thread(), SOUTH)
    body = json.dumps({**json.loads(record.body), "from_the_future": [1, 2]}).encode()
    await applying.apply(record._replace(body=body))
    [row] = await forum.rows("SELECT received::text AS received, projection, arrived_at FROM threads")
    assert json.loads(row["received"])["from_the_future"] == [1, 2]
    assert row["projection"] == PROJECTION


async def test_erased_abroad_is_erased_here_also_from_what_was_received(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    post = south.post(thread.id, "Personal words")
    await applying.south(thread, post)
    assert [f["post_id"] for f in await ada.finds("personal")] == [str(post.id)]
    await applying.south(
        post.model_copy(update={"version": south.home.clock.tick(), "body": None, "erased": True})
    )
    assert await ada.finds("personal") == []
    assert not any("Personal" in str(row) for row in await forum.rows("SELECT * FROM posts"))


async def test_reply_counts_survive_a_batch_that_comes_again(
    forum: Place, ada: Person, bo: Person, applying: Applying
) -> None:
    thread = await ada.opens()
    replies = [await bo.replies(thread, str(n)) for n in range(3)]
    records = [
        received(PostPublished(**state), None) for _, state in await forum.published("shared.forum.posts.v1")
    ]
    for batch in itertools.repeat(records, 3):
        await applying.apply(*batch)
    assert [each["replies"] for each in await ada.threads()] == [3]
    for reply in replies:
        await bo.do("DELETE", f"/posts/{reply['id']}")
    records = [
        received(PostPublished(**state), None) for _, state in await forum.published("shared.forum.posts.v1")
    ]
    for batch in itertools.repeat(records, 2):
        await applying.apply(*batch)
    for told in (await ada.reads(thread), *await ada.threads()):
        assert (told["replies"], told["answered"]) == (0, False)


async def test_look_alikes_from_two_regions_keep_one_plain(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    await applying.south(south.profile("Аda"))  # a Cyrillic А
    both = [await ada.do("GET", "/profile"), await ada.do("GET", f"/profiles/{south.author.id}")]
    assert [p["look_alike"] for p in sorted(both, key=lambda p: p["id"])] == [False, True]
    answer = await forum.newcomer().ask("POST", "/profile", {"name": "ADA"})
    assert answer.json()["type"] == "/problems/name-taken"


async def test_models_are_the_tables(engines: Engines, forum: Place) -> None:
    engine = make_engine(forum.settings.database_url.get_secret_value(), pool=1)
    async with AsyncSession(engine) as session:
        assert await session.get(Post, uuid4()) is None
    await engine.dispose()
