"""A post can be hidden and shown again for ever, however often that was done before."""

from uuid import UUID

import pytest

from shared.outbox import add
from tests.forum.people import Json, Person, Place
from tests.forum.records import Applying, Region

REASON = "It says where somebody lives. " * 6


async def decided(forum: Place) -> list[Json]:
    return [state for _, state in await forum.published("shared.forum.moderation.v1")]


async def test_hiding_what_is_hidden_already_changes_nothing(forum: Place, ada: Person, kari: Person) -> None:
    thread = await ada.opens()
    hides = f"/posts/{thread['posts'][0]['id']}/hides"
    made = [await kari.do("POST", hides, {"reason": reason}) for reason in ("First", *[REASON] * 3)]
    assert [one["id"] for one in made] == [made[0]["id"]] * 4
    [state] = await decided(forum)
    assert state["hides"] == [{"id": made[0]["id"], "reason": "First"}]


async def test_no_number_of_hides_and_restores_makes_a_decision_too_large(
    forum: Place, ada: Person, kari: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(add, "MAX_PAYLOAD_BYTES", 1000)
    thread = await ada.opens()
    post = thread["posts"][0]["id"]
    for _ in range(10):
        await kari.do("POST", f"/posts/{post}/hides", {"reason": REASON})
        assert (await ada.do("GET", f"/posts/{post}"))["hidden_reason"] == REASON.strip()
        await kari.do("DELETE", f"/posts/{post}/hides")
        assert not (await ada.do("GET", f"/posts/{post}"))["hidden"]
    states = await decided(forum)
    assert [len(state["hides"]) for state in states] == [1, 0] * 10
    assert {len(state["lifts"]) for state in states} == {0}


async def test_hides_that_the_posts_home_lifted_are_not_kept_either(
    forum: Place, applying: Applying, kari: Person, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another region lifts ours again and again, and we theirs."""
    monkeypatch.setattr(add, "MAX_PAYLOAD_BYTES", 1000)
    south = Region()
    there = south.thread()
    post = south.post(there.id)
    mine = (await ada.opens())["posts"][0]
    await applying.south(there, post, south.profile())
    for _ in range(10):
        hide = await kari.do("POST", f"/posts/{post.id}/hides", {"reason": REASON})
        assert (await kari.do("GET", f"/posts/{post.id}"))["hidden"]
        await applying.south(south.hides(post.id, lifts=(UUID(hide["id"]),)))
        assert not (await kari.do("GET", f"/posts/{post.id}"))["hidden"]

        await applying.south(south.hides(UUID(mine["thread_id"]), "we think so"))
        assert (await kari.do("GET", f"/posts/{mine['id']}"))["hidden"]
        await kari.do("DELETE", f"/posts/{mine['id']}/hides")
        assert not (await kari.do("GET", f"/posts/{mine['id']}"))["hidden"]
    for state in await decided(forum):
        assert len(state["hides"]) + len(state["lifts"]) == 1
