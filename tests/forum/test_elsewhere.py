"""Members of other regions: what they write is new when it arrives, and nothing shows that they are elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.clock import stopped_at
from shared.contracts.payloads.forum import PostPublished
from tests.forum.people import Json, Person, Place
from tests.forum.records import Applying, Region, received

REQUESTED = "local.notices.requested.forum.v1"


def shape(value: Any) -> Any:
    """An answer without what it says: its fields and the kinds of their values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


async def asked_for(forum: Place, person: Person) -> int:
    """How many notices of replies were requested for somebody."""
    return sum(
        key == str(person.alias) and notice.get("category") == "replies"
        for key, notice in await forum.published(REQUESTED)
        if "urgency" in notice
    )


async def test_a_reply_that_comes_days_late_is_new_once_and_stands_where_it_was_written(
    forum: Place, ada: Person, bo: Person, applying: Applying
) -> None:
    south = Region()
    with stopped_at(datetime.now(UTC)) as time:
        thread = await ada.opens()
        time.move(timedelta(minutes=5))
        late = south.post(UUID(thread["id"]), "I had written long ago.")
        time.move(timedelta(days=9))
        newer = await bo.replies(thread)
        await ada.views(thread)
        time.move(timedelta(minutes=1))
        await ada.views(thread)
        assert await ada.for_you() == []

        time.move(timedelta(minutes=1))
        await applying.south(south.profile(), late)
        await applying.south(late)
        for reader in (ada, bo):  # who replies watches, too
            [item] = await reader.for_you()
            assert (item["kind"], item["post_id"]) == ("reply", str(late.id))
            assert [each["unread"] for each in await reader.threads()] == [True]
            assert await asked_for(forum, reader) == 1
        page = await ada.views(thread)
        assert [post["id"] for post in page["posts"][1:]] == [str(late.id), newer["id"]]
        assert await ada.for_you() == []
        edited = late.model_copy(update={"version": south.home.clock.tick(), "body": "Now.", "edited": True})
        await applying.south(edited)
        assert await ada.for_you() == [], "an edit is nothing new"
        assert await asked_for(forum, ada) == 1


async def test_no_answer_shows_that_a_writer_belongs_elsewhere(
    forum: Place, ada: Person, bo: Person, kari: Person, applying: Applying
) -> None:
    south = Region()
    there = south.thread("Evenings")
    opening = south.post(there.id, "They are long.", opening=True)
    await applying.south(south.profile(), there, opening, south.post(there.id, "So they are."))
    here = await ada.opens("Mornings", "They are long.")
    await ada.replies(here, "So they are.")
    mine = [post["id"] for post in here["posts"]]
    for asks in (bo, kari):
        listed = {thread["id"]: thread for thread in await asks.threads()}
        assert listed.keys() == {here["id"], str(there.id)}
        assert shape(listed[here["id"]]) == shape(listed[str(there.id)])
        found = await asks.finds("long")
        assert len(found) == 2
        assert shape(found[0]) == shape(found[1])
    paths = [
        (f"/threads/{here['id']}", f"/threads/{there.id}"),
        (f"/posts/{mine[0]}", f"/posts/{opening.id}"),
        (f"/profiles/{here['author']['id']}", f"/profiles/{south.author.id}"),
    ]
    for paths_of_both in paths:
        answers = [await bo.ask("GET", path) for path in paths_of_both]
        assert shape(answers[0].json()) == shape(answers[1].json())
        for answer in answers:
            for telling in ("south", "north", "nonce", "version", "home", "arrived"):
                assert telling not in answer.text.lower()
    assert {UUID(one).version for one in (mine[0], str(opening.id))} == {7}


async def test_a_page_tells_the_same_numbers_before_and_after_its_posts_were_read_back(
    forum: Place, ada: Person, bo: Person, applying: Applying
) -> None:
    """Only posts of this region are; numbers behind them would tell which."""
    south = Region()
    thread = await ada.opens()
    taken_back = await bo.replies(thread)
    await applying.south(south.profile(), south.post(UUID(thread["id"])))
    await _read_back(forum, applying)
    await bo.do("DELETE", f"/posts/{taken_back['id']}")
    last = await bo.replies(thread)
    one, two = await ada.reads(thread), await ada.reads(thread, limit=2)
    assert (one["replies"], one["last_activity"], one["answered"]) == (2, last["written_at"], True)
    await _read_back(forum, applying)
    assert await ada.reads(thread) == one
    assert await ada.reads(thread, after=two["next"]) == {**one, "posts": one["posts"][2:]}
    alone = await bo.opens("Evenings", "Who is awake?")
    await ada.replies(alone)
    before = await bo.reads(alone)
    assert (before["replies"], before["answered"]) == (1, True)
    await _read_back(forum, applying)
    assert await bo.reads(alone) == before


async def _read_back(forum: Place, applying: Applying) -> None:
    for _, state in await forum.published("shared.forum.posts.v1"):
        await applying.apply(received(PostPublished(**state), None))


async def test_what_is_refused_of_a_post_from_elsewhere_is_refused_in_the_same_words(
    forum: Place, ada: Person, bo: Person, kari: Person, applying: Applying
) -> None:
    south = Region()
    there = south.thread()
    opening = south.post(there.id, opening=True)
    gone = south.post(there.id)
    removed = gone.model_copy(update={"version": south.home.clock.tick(), "body": None, "erased": True})
    await applying.south(south.profile(), there, opening, removed)
    here = await ada.opens()
    taken_back = await ada.replies(here)
    await ada.do("DELETE", f"/posts/{taken_back['id']}")
    posts: list[tuple[str, str]] = [
        (here["posts"][0]["id"], str(opening.id)),
        (taken_back["id"], str(gone.id)),
    ]
    calls: list[tuple[Person, str, str, Json | None]] = [
        (bo, "PUT", "", {"body": "Mine now"}),
        (bo, "DELETE", "", None),
        (bo, "PUT", "/reactions/thanks", None),
        (bo, "PUT", "/report", {"category": "worry"}),
        (kari, "POST", "/hides", {"reason": "Not kind"}),
        (kari, "DELETE", "/hides", None),
        (kari, "PUT", "/sanction", {"category": "unkind", "reason": "Rest", "days": 1}),
    ]
    for person, method, path, body in calls:
        for pair in posts:
            answers = [await person.ask(method, f"/posts/{one}{path}", body) for one in pair]
            assert len({answer.status_code for answer in answers}) == 1, (method, path)
            assert len({str(sorted(answer.headers)) for answer in answers}) == 1, (method, path)
            if not answers[0].is_success:
                assert answers[0].text == answers[1].text, (method, path)
