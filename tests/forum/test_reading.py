"""Unread, read marks, and what counts as a view."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import SettableClock, stopped_at
from tests.forum.people import Person, Place

VIEWED = "peercafe.forum.thread.viewed.v1"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def time() -> "SettableClock":  # type: ignore[misc]
    with stopped_at(datetime.now(UTC).replace(microsecond=0)) as clock:
        yield clock


async def views(place: Place, person: Person) -> int:
    rows = await place.rows(
        "SELECT FROM outbox WHERE type = $1 AND key = $2 AND topic = 'local.activity.forum.v1'",
        VIEWED,
        str(person.alias),
    )
    return len(rows)


async def test_reading_alone_writes_nothing(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    before = await forum.rows("SELECT seq FROM outbox")
    await bo.reads(thread)
    await bo.threads()
    assert await forum.rows("SELECT seq FROM outbox") == before
    assert await forum.rows("SELECT FROM read_marks") == []


async def test_opening_a_thread_with_something_new_is_a_view_once(
    forum: Place, ada: Person, bo: Person
) -> None:
    thread = await ada.opens()
    await bo.views(thread)
    await bo.views(thread)
    assert await views(forum, bo) == 1
    await ada.replies(thread)
    await bo.views(thread)
    assert await views(forum, bo) == 2


async def test_ones_own_posts_are_nothing_new(forum: Place, ada: Person) -> None:
    thread = await ada.opens()
    await ada.replies(thread)
    await ada.views(thread)
    assert await views(forum, ada) == 0


async def test_opening_again_after_half_an_hour_is_a_view(
    forum: Place, ada: Person, bo: Person, time: SettableClock
) -> None:
    thread = await ada.opens()
    await bo.views(thread)
    time.move(30 * MINUTE)
    await bo.views(thread)
    assert await views(forum, bo) == 1
    time.move(30 * MINUTE + timedelta(seconds=1))
    await bo.views(thread)
    assert await views(forum, bo) == 2


async def test_any_page_counts_while_another_holds_something_new(
    forum: Place, ada: Person, bo: Person
) -> None:
    thread = await ada.opens()
    for n in range(4):
        await ada.replies(thread, f"More, {n}.")
    first = await bo.views(thread, limit=2)
    assert await views(forum, bo) == 1
    await bo.views(thread, limit=2)  # the second page was never answered
    assert await views(forum, bo) == 2
    second = await bo.views(thread, limit=2, after=first["next"])
    await bo.views(thread, limit=2, after=second["next"])
    assert await views(forum, bo) == 4
    await bo.views(thread, limit=2)
    assert await views(forum, bo) == 4


async def test_a_thread_without_a_members_post_gives_no_view(
    forum: Place, ada: Person, kari: Person, time: SettableClock
) -> None:
    prompt = await kari.opens("Before the café", "What helped this week?")
    await ada.views(prompt)
    time.move(31 * MINUTE)
    await ada.views(prompt)
    assert await views(forum, ada) == 0


async def test_a_consultants_views_are_no_facts(forum: Place, ada: Person, kari: Person) -> None:
    thread = await ada.opens()
    await kari.views(thread)
    assert await views(forum, kari) == 0


async def test_a_post_that_was_removed_is_nothing_new(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    reply = await ada.replies(thread)
    await bo.views(thread)
    another = await ada.replies(thread)
    await ada.do("DELETE", f"/posts/{another['id']}")
    await ada.do("DELETE", f"/posts/{reply['id']}")
    await bo.views(thread)
    assert await views(forum, bo) == 1


async def test_two_openings_at_one_moment_are_one_view(forum: Place, ada: Person, bo: Person) -> None:
    import asyncio

    for _ in range(5):
        thread = await ada.opens()
        page = await bo.reads(thread)
        before = await views(forum, bo)
        await asyncio.gather(*(bo.shown(thread, page["posts"]) for _ in range(6)))
        assert await views(forum, bo) == before + 1


async def test_unread_is_what_no_answer_contained(
    forum: Place, ada: Person, bo: Person, time: SettableClock
) -> None:
    thread = await ada.opens()
    await bo.replies(thread)
    assert [t["unread"] for t in await bo.threads()] == [True]
    page = await bo.views(thread)
    assert [post["new"] for post in page["posts"]] == [True, False]  # never one's own
    assert [t["unread"] for t in await bo.threads()] == [False]
    time.move(MINUTE)
    await ada.replies(thread)
    assert [t["unread"] for t in await bo.threads()] == [True]
    page = await bo.views(thread)
    assert [post["new"] for post in page["posts"]] == [False, False, True]
    assert [t["unread"] for t in await bo.threads()] == [False]


async def test_a_read_mark_stays_five_seconds_back_and_keeps_what_was_shown_since(
    forum: Place, ada: Person, bo: Person, time: SettableClock
) -> None:
    thread = await ada.opens()
    time.move(timedelta(seconds=3))
    await ada.replies(thread)
    await bo.views(thread)
    [mark] = await forum.rows("SELECT * FROM read_marks")
    assert mark["read_until"] == time.at - timedelta(seconds=5)
    assert len(mark["shown"]) == 2
    assert mark["opened_at"] == time.at

    # A post that was being written meanwhile, and commits with an earlier arrival, is still new.
    late = await ada.replies(thread, "Slow to arrive")
    await forum.database.execute(
        "UPDATE posts SET arrived_at = arrived_at - interval '4 seconds' WHERE id = $1::uuid", late["id"]
    )
    assert [t["unread"] for t in await bo.threads()] == [True]
    await bo.views(thread)
    time.move(MINUTE)
    await bo.views(thread)
    [mark] = await forum.rows("SELECT * FROM read_marks")
    assert mark["shown"] == []  # all of it arrived before the mark now


async def test_a_mark_can_say_everything_up_to_a_post(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    replies = [await ada.replies(thread, str(n)) for n in range(3)]
    await bo.do("PUT", f"/threads/{thread['id']}/read-mark", {"upto": replies[1]["id"]})
    page = await bo.reads(thread)
    assert [post["new"] for post in page["posts"]] == [False, False, False, True]
    assert (await bo.ask("PUT", f"/threads/{thread['id']}/read-mark", {})).status_code == 422


async def test_posts_of_another_thread_cant_be_marked(forum: Place, ada: Person, bo: Person) -> None:
    thread, other = await ada.opens(), await ada.opens()
    await bo.shown(other, thread["posts"])
    assert [t["unread"] for t in await bo.threads()] == [True, True]


async def test_pages_follow_each_other_by_the_last_posts_id(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    written = [thread["posts"][0]["id"]] + [(await bo.replies(thread, str(n)))["id"] for n in range(6)]
    seen: list[str] = []
    after = None
    while True:
        page = await ada.reads(thread, limit=3, after=after)
        seen += [post["id"] for post in page["posts"]]
        after = page["next"]
        if after is None:
            break
    assert seen == written


async def test_posts_stand_in_the_writers_order_also_within_one_millisecond(
    forum: Place, ada: Person, time: SettableClock
) -> None:
    thread = await ada.opens()
    written = [(await ada.replies(thread, str(n)))["id"] for n in range(8)]
    page = await ada.reads(thread)
    assert [post["id"] for post in page["posts"]][1:] == written


async def test_the_thread_list_pages_by_the_last_threads_id(forum: Place, ada: Person) -> None:
    opened = [(await ada.opens(f"Thread {n}"))["id"] for n in range(5)]
    first = await ada.do("GET", "/threads?limit=3")
    second = await ada.do("GET", f"/threads?limit=3&after={first['next']}")
    assert [t["id"] for t in first["items"] + second["items"]] == opened[::-1]
    assert second["next"] is None
    oldest = await ada.do("GET", "/threads?limit=3&order=oldest")
    assert [t["id"] for t in oldest["items"]] == opened[:3]


async def test_too_many_reads_are_slowed_with_retry_after(engines, ada: Person) -> None:  # type: ignore[no-untyped-def]
    from shared.settings import LimitSettings

    ada.place.app.state.limits["reads"] = LimitSettings(rate=0.1, burst=2)
    answers = [await ada.ask("GET", "/threads") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) >= 1
    assert answers[2].json()["type"] == "/problems/too-many"
