"""A pause from writing: what it refuses, what stays open, who learns of it, how it ends."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared import clock
from tests.forum.people import Json, Person, Place
from tests.forum.records import Applying, Region
from tests.forum.test_reports import REPORTS, from_the_south, told

PAUSE: Json = {"category": "unkind", "reason": "Please breathe for a week.", "days": 7}
NOTICES = "local.notices.requested.forum.v1"


async def pauses(kari: Person, post: Json, **changed: object) -> None:
    await kari.do("PUT", f"/posts/{post['id']}/sanction", PAUSE | changed)


async def standing(kari: Person) -> list[Json]:
    items: list[Json] = (await kari.do("GET", "/sanctions"))["items"]
    return items


async def test_who_is_paused_reads_why_and_until_when_at_every_write(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    thread = await ada.opens()
    own, other = await ada.replies(thread), await bo.replies(thread)
    await pauses(kari, own)
    for method, path, body in (
        ("POST", f"/threads/{thread['id']}/posts", {"body": "More"}),
        ("POST", "/threads", {"title": "T", "wish": "listen", "body": "B"}),
        ("PUT", f"/posts/{own['id']}", {"body": "Other words"}),
        ("PUT", f"/posts/{other['id']}/reactions/thanks", None),
        ("PUT", "/profile", {"name": "Said by name"}),
    ):
        refused = await ada.ask(method, path, body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/writing-paused"), path
        assert refused.json()["reason"] == PAUSE["reason"]
        until = datetime.fromisoformat(refused.json()["until"])
        assert timedelta(days=7) <= until - datetime.now(UTC) <= timedelta(days=8)
    assert len((await bo.reads(thread))["posts"]) == 3
    await bo.replies(thread)


async def test_reading_telling_and_taking_back_stay_open(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    thread = await ada.opens()
    own, other = await ada.replies(thread), await bo.replies(thread)
    await ada.do("PUT", f"/posts/{other['id']}/reactions/thanks")
    await pauses(kari, own)
    await ada.views(thread)
    await ada.threads()
    await ada.finds("mornings")
    await ada.do("PUT", f"/threads/{thread['id']}/watching")
    await ada.do("PUT", f"/posts/{other['id']}/report", {"category": "unkind"})
    await ada.do("DELETE", f"/posts/{other['id']}/reactions/thanks")
    await ada.do("DELETE", f"/posts/{own['id']}")
    export = await ada.do("GET", "/export")
    assert export["pauses"][0]["reason"] == PAUSE["reason"]


async def test_a_pause_is_told_to_its_member_and_to_nobody_else(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    thread = await ada.opens()
    [profile] = [post["author"]["id"] for post in (await bo.reads(thread))["posts"]]
    before = [await bo.reads(thread), await bo.do("GET", f"/profiles/{profile}")]
    await pauses(kari, thread["posts"][0])
    assert [await bo.reads(thread), await bo.do("GET", f"/profiles/{profile}")] == before
    assert await bo.for_you() == []
    assert (await bo.do("GET", "/profile"))["paused"] is None
    assert [(i["kind"], i["reason"]) for i in await ada.for_you()] == [("paused", PAUSE["reason"])]
    assert (await ada.do("GET", "/profile"))["paused"]["reason"] == PAUSE["reason"]
    assert [key for key, _ in await forum.published(NOTICES)] == [str(ada.alias)]

    await ada.do("PUT", "/sanction/seen")
    await ada.do("PUT", "/sanction/seen")
    assert await ada.for_you() == []
    assert (await ada.do("GET", "/profile"))["paused"], "it says so where she would write"
    kinds = [payload for _, payload in await forum.published(NOTICES)]
    assert [payload.get("urgency") for payload in kinds] == ["soon", None], "one notice, looked at once"


async def test_a_lifted_pause_is_over_at_once_and_said(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    thread = await ada.opens()
    await pauses(kari, thread["posts"][0])
    await ada.do("PUT", "/sanction/seen")
    [pause] = await standing(kari)
    assert pause["author"]["name"] == "Ada"
    await kari.do("DELETE", f"/sanctions/{pause['id']}")
    await ada.replies(thread)
    assert [(i["kind"], i["reason"]) for i in await ada.for_you()] == [("pause-lifted", None)]
    assert await standing(kari) == []
    assert (await kari.ask("DELETE", f"/sanctions/{pause['id']}")).status_code == 404
    await ada.do("PUT", "/sanction/seen")
    assert await ada.for_you() == []


async def test_a_pause_ends_by_itself(forum: Place, ada: Person, kari: Person) -> None:
    thread = await ada.opens()
    await pauses(kari, thread["posts"][0], days=3)
    with clock.stopped_at(clock.now() + timedelta(days=4)):
        await ada.replies(thread)
        assert await standing(kari) == []
        assert (await ada.do("GET", "/profile"))["paused"] is None


async def test_a_second_pause_takes_the_firsts_place(forum: Place, ada: Person, kari: Person) -> None:
    thread = await ada.opens()
    await pauses(kari, thread["posts"][0], days=30)
    await pauses(kari, thread["posts"][0], days=1, reason="A day is enough.")
    [pause] = await standing(kari)
    assert pause["reason"] == "A day is enough."
    assert datetime.fromisoformat(pause["until"]) < datetime.now(UTC) + timedelta(days=3)


async def test_a_reply_sent_twice_is_answered_also_when_the_pause_came_between(
    forum: Place, ada: Person, kari: Person
) -> None:
    thread = await ada.opens()
    path, key = f"/threads/{thread['id']}/posts", uuid4().hex
    first = await ada.ask("POST", path, {"body": "Once"}, key=key)
    await pauses(kari, thread["posts"][0])
    again = await ada.ask("POST", path, {"body": "Once"}, key=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


async def test_a_writer_from_elsewhere_is_reported_home_and_the_answer_is_the_same(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    _, _, post = await from_the_south(applying)
    here = (await ada.opens())["posts"][0]
    answers = [await kari.ask("PUT", f"/posts/{one}/sanction", PAUSE) for one in (here["id"], str(post.id))]
    assert len({(answer.status_code, answer.text, str(sorted(answer.headers))) for answer in answers}) == 1
    [(_, record)] = await forum.published(REPORTS)
    assert (record["post_id"], record["category"]) == (str(post.id), "unkind")
    assert PAUSE["reason"] not in str(record)
    assert [pause["author"]["name"] for pause in await standing(kari)] == ["Ada"]


async def test_a_consultant_elsewhere_hides_a_post_and_tells_its_writers_home(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    """What the south's peer consultant does arrives here; here the pause is decided."""
    thread = await ada.opens()
    reply = await ada.replies(thread, "Unkind")
    south = Region()
    await applying.south(south.hides(UUID(reply["id"]), "unkind"), south.reports(UUID(reply["id"]), "unkind"))
    [item] = await told(kari)
    assert (item["post_id"], item["hidden"]) == (reply["id"], True)
    await pauses(kari, {"id": item["post_id"]})
    assert (await ada.ask("POST", f"/threads/{thread['id']}/posts", {"body": "x"})).status_code == 403


async def test_peer_consultants_are_not_paused(forum: Place, kari: Person) -> None:
    opening = (await kari.opens())["posts"][0]
    refused = await forum.consultant("Liv").ask("PUT", f"/posts/{opening['id']}/sanction", PAUSE)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/sanction-for-members")


@pytest.mark.parametrize("changed", [{"days": 0}, {"days": 91}, {"reason": ""}, {"category": "spite"}])
async def test_a_pause_needs_a_reason_and_an_end(
    forum: Place, ada: Person, kari: Person, changed: Json
) -> None:
    opening = (await ada.opens())["posts"][0]
    answer = await kari.ask("PUT", f"/posts/{opening['id']}/sanction", PAUSE | changed)
    assert answer.status_code == 422
    assert await standing(kari) == []
