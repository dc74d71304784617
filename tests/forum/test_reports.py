"""Telling peer consultants about a post: who hears of it, what is kept meanwhile, and what nobody learns."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.forum.rules.believing import fault_of
from services.forum.use_cases import leaving, muting
from shared.clock import stopped_at
from shared.contracts.payloads.forum import PostPublished, PostReported
from shared.contracts.payloads.identity import AudienceAlias
from shared.hlc import version_at
from shared.settings import LimitSettings
from tests.forum.people import Json, Person, Place
from tests.forum.records import SOUTH, Applying, Region, received

NOTICES = "local.notices.requested.forum.v1"
REPORTS = "shared.forum.reports.v1"


async def tells(person: Person, post: Json, category: str = "worry") -> None:
    await person.do("PUT", f"/posts/{post['id']}/report", {"category": category})


async def told(kari: Person) -> list[Json]:
    items: list[Json] = (await kari.do("GET", "/reports"))["items"]
    return items


async def is_done_with(kari: Person, item: Json) -> None:
    await kari.do("DELETE", f"/posts/{item['post_id']}/report?upto={item['upto']}")


async def from_the_south(applying: Applying, body: str = "A name") -> tuple[Region, Any, Any]:
    south = Region()
    thread = south.thread()
    post = south.post(thread.id, body, opening=True)
    await applying.south(south.profile(), thread, post)
    return south, thread, post


async def test_peer_consultants_read_what_they_were_told_about_until_they_are_done(
    forum: Place, ada: Person, bo: Person, kari: Person, applying: Applying
) -> None:
    thread = await ada.opens("Mornings", "They are long.")
    reply = await ada.replies(thread, "Somebody's name")
    await tells(bo, reply, "identifies")
    await tells(await forum.member("Cy"), reply, "worry")
    [item] = await told(kari)
    assert item["post_id"] == reply["id"]
    assert item["title"] == "Mornings"
    assert item["author"]["name"] == "Ada"
    assert item["categories"] == ["identifies", "worry"]
    assert "Somebody&#x27;s name" in item["kept_html"] or "Somebody's name" in item["kept_html"]
    page = await kari.reads(thread, after=item["after"])
    assert page["posts"][0]["id"] == reply["id"], "the link leads there"

    await is_done_with(kari, item)
    assert await told(kari) == []
    assert await forum.rows("SELECT FROM kept_versions") == []
    await applying.pass_on()
    assert await forum.published(REPORTS) == [], "nobody else's business"


async def test_telling_twice_is_telling_once_and_can_be_done_again_after(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    opening = (await ada.opens())["posts"][0]
    await tells(bo, opening)
    await tells(bo, opening, "unkind")
    [item] = await told(kari)
    assert item["categories"] == ["worry"]
    await is_done_with(kari, item)
    await tells(bo, opening, "unkind")
    [again] = await told(kari)
    assert again["categories"] == ["unkind"]


async def test_one_member_can_not_fill_the_list_and_all_of_it_can_be_read(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    forum.app.state.limits["reports"] = LimitSettings(rate=1 / 3600, burst=4)
    thread = await ada.opens()
    posts = [await ada.replies(thread, str(number)) for number in range(5)]
    for post in posts[:4]:
        await tells(bo, post)
    refused = await bo.ask("PUT", f"/posts/{posts[4]['id']}/report", {"category": "worry"})
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many")
    await bo.replies(thread, "Writing is another limit.")
    await tells(await forum.member("Cy"), posts[4])

    read, after = [], ""
    while True:
        page = await kari.do("GET", f"/reports?limit=2{after}")
        read.append([item["post_id"] for item in page["items"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    ids = [post["id"] for post in posts]
    assert read == [ids[:2], ids[2:4], ids[4:]]
    [seen] = [item for item in await told(kari) if item["post_id"] == ids[3]]
    await is_done_with(kari, seen)
    anew = await kari.do("GET", f"/reports?after={ids[3]}")
    assert [item["post_id"] for item in anew["items"]] == ids[:3] + ids[4:]


async def test_what_is_told_while_a_consultant_reads_stays(
    forum: Place, ada: Person, bo: Person, kari: Person
) -> None:
    opening = (await ada.opens())["posts"][0]
    await tells(bo, opening)
    [seen] = await told(kari)
    await tells(await forum.member("Cy"), opening, "other")
    await is_done_with(kari, seen)
    [left] = await told(kari)
    assert left["categories"] == ["other"]
    assert left["kept_html"]


async def test_a_reported_version_is_kept_when_it_is_edited_and_when_it_is_removed(
    ada: Person, bo: Person, kari: Person
) -> None:
    thread = await ada.opens()
    reply = await ada.replies(thread, "Unkind words")
    await tells(bo, reply, "unkind")
    await ada.do("PUT", f"/posts/{reply['id']}", {"body": "Kind words"})
    [item] = await told(kari)
    assert (item["changed"], item["removed"]) == (True, False)
    await ada.do("DELETE", f"/posts/{reply['id']}")
    [item] = await told(kari)
    assert (item["changed"], item["removed"]) == (False, True)
    assert "Unkind words" in item["kept_html"]
    assert "Unkind words" not in str(await bo.reads(thread))


async def test_nothing_is_kept_of_somebody_who_leaves(
    forum: Place, ada: Person, bo: Person, kari: Person, applying: Applying
) -> None:
    reply = await ada.replies(await bo.opens(), "Mine")
    await tells(bo, reply)
    change = AudienceAlias(id=ada.alias, home="north", version=version_at(datetime.now(UTC)), erased=True)
    async with applying.sessions() as session, session.begin():
        await leaving.change_members(session, applying.home, b"secret", [change], datetime.now(UTC))
    await applying.erase()
    assert await told(kari) == []
    assert await forum.rows("SELECT FROM kept_versions") == []


async def test_nothing_is_kept_of_somebody_elsewhere_who_leaves(
    forum: Place, bo: Person, kari: Person, applying: Applying
) -> None:
    south, _, post = await from_the_south(applying)
    await tells(bo, {"id": str(post.id)})
    assert len(await forum.rows("SELECT FROM kept_versions")) == 1
    await applying.south(south.profile(erased=True, name=None, mark=None))
    assert await forum.rows("SELECT FROM kept_versions") == []
    assert await told(kari) == []


async def test_only_post_and_category_go_to_the_writers_home(
    forum: Place, bo: Person, kari: Person, applying: Applying
) -> None:
    _, _, post = await from_the_south(applying)
    await tells(bo, {"id": str(post.id)}, "identifies")
    assert await forum.published(REPORTS) == [], (
        "not while it is told: that would take longer than for a post of here"
    )
    await applying.pass_on()
    await applying.pass_on()
    [(key, record)] = await forum.published(REPORTS)
    assert record.keys() == {"id", "home", "version", "erased", "nonce", "post_id", "category"}
    assert (key, record["post_id"], record["category"]) == (record["id"], str(post.id), "identifies")
    [profile] = await forum.rows("SELECT profile_id FROM members WHERE alias = $1", bo.alias)
    assert str(profile["profile_id"]) not in str(record)
    [item] = await told(kari)
    assert item["post_id"] == str(post.id), "the peer consultants here, whom the member knows, see it too"


async def test_a_report_from_elsewhere_stands_in_the_list_once_whenever_it_comes(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    reply = await ada.replies(await ada.opens(), "Words")
    south = Region()
    report = south.reports(UUID(reply["id"]), "unkind")
    await applying.south(report, report)
    await applying.south(report)
    [item] = await told(kari)
    assert item["categories"] == ["unkind"]
    assert "Words" in item["kept_html"]
    assert SOUTH not in str(item)
    await is_done_with(kari, item)
    await applying.south(report)
    assert await told(kari) == []


async def test_a_report_is_believed_whichever_process_with_whatever_clock_passes_it_on(
    forum: Place, bo: Person, applying: Applying
) -> None:
    _, _, post = await from_the_south(applying)
    with stopped_at(datetime.now(UTC) + timedelta(minutes=9)):
        await tells(bo, {"id": str(post.id)})
    await applying.pass_on()
    [(key, record)] = await forum.published(REPORTS)
    report = PostReported(**record)
    assert fault_of(report, key=key, origin="north", region=SOUTH, neighbours=["north"]) is None


async def test_a_report_of_a_third_regions_post_is_not_ours_to_see(
    forum: Place, bo: Person, kari: Person, applying: Applying
) -> None:
    south, _, post = await from_the_south(applying)
    await applying.south(south.reports(post.id))
    assert await told(kari) == []
    await applying.south(south.reports(uuid4()))
    assert await told(kari) == [], "nor one of a post that isn't here"


async def test_nobody_is_called_for_a_post_that_is_not_here_and_it_is_listed_once_it_is(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    reply = await ada.replies(await kari.opens())
    await forum.rows("DELETE FROM posts WHERE id = $1", UUID(reply["id"]))
    south = Region()
    await applying.south(south.reports(UUID(reply["id"])), *(south.reports(uuid4()) for _ in range(3)))
    assert await forum.published(NOTICES) == []
    assert await kari.for_you() == []
    [(_, state)] = [
        (key, state) for key, state in await forum.published("shared.forum.posts.v1") if key == reply["id"]
    ]
    await applying.apply(received(PostPublished(**state), None))  # read back after a restore
    assert [item["post_id"] for item in await told(kari)] == [reply["id"]]


async def test_reports_of_a_muted_region_are_not_shown_and_nothing_is_kept_for_them(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    reply = await ada.replies(await kari.opens())
    await applying.south(Region().reports(UUID(reply["id"])))
    async with applying.sessions() as session, session.begin():
        await muting.mute(session, "north", [SOUTH], SOUTH)
    assert await told(kari) == []
    before = await forum.published(NOTICES)
    await applying.south(Region().reports(UUID(reply["id"])))
    assert await forum.published(NOTICES) == before, "nobody is called for nothing"
    await applying.tidy()
    assert await forum.rows("SELECT FROM kept_versions") == []


@pytest.mark.parametrize(
    ("changed", "origin"),
    [({"id": uuid4()}, SOUTH), ({"home": "north"}, SOUTH), ({"nonce": "0" * 32}, SOUTH), ({}, "east")],
)
async def test_a_forged_report_is_refused(
    forum: Place, ada: Person, kari: Person, applying: Applying, changed: Json, origin: str
) -> None:
    reply = await ada.replies(await ada.opens())
    await applying.apply(received(Region().reports(UUID(reply["id"]), **changed), origin))
    assert await forum.rows("SELECT FROM reports") == []
    assert await told(kari) == []


async def test_who_told_is_nowhere(forum: Place, ada: Person, bo: Person, kari: Person) -> None:
    reply = await ada.replies(await ada.opens())
    await tells(bo, reply)
    for table in ("concerns", "kept_versions", "outbox", "security_log"):
        assert str(bo.alias) not in str(await forum.rows(f"SELECT * FROM {table} WHERE true"))
    [concern] = await forum.rows("SELECT told_by FROM concerns")
    assert bo.alias.bytes not in concern["told_by"]
    assert await ada.for_you() == []
    assert "report" not in str(await ada.reads({"id": reply["thread_id"]}))
    [item] = await told(kari)
    await is_done_with(kari, item)
    assert await forum.rows("SELECT told_by FROM concerns") == [{"told_by": None}]


async def test_peer_consultants_are_called_and_find_it_under_for_you_until_they_are_done(
    forum: Place, ada: Person, bo: Person, kari: Person, applying: Applying
) -> None:
    await kari.opens()
    thread = await ada.opens()
    replies = [await ada.replies(thread, word) for word in ("One", "Two")]
    await tells(bo, replies[0])
    await tells(bo, replies[0])
    await applying.south(Region().reports(UUID(replies[1]["id"])))
    called = [(key, body["category"]) for key, body in await forum.published(NOTICES)]
    assert called == [(str(kari.alias), "moderation")] * 2
    assert {item["kind"] for item in await kari.for_you()} == {"told"}
    for person in (ada, bo):
        assert await person.for_you() == []
    await kari.do("PUT", "/reports/seen")
    assert len(await forum.published(NOTICES)) == 3, "looked"
    for item in await told(kari):
        await is_done_with(kari, item)
    assert await kari.for_you() == []


async def test_a_removed_post_and_one_that_never_was_can_not_be_told_of(ada: Person, bo: Person) -> None:
    reply = await ada.replies(await ada.opens())
    await ada.do("DELETE", f"/posts/{reply['id']}")
    for post, status in ((reply["id"], 409), (uuid4(), 404)):
        answer = await bo.ask("PUT", f"/posts/{post}/report", {"category": "worry"})
        assert answer.status_code == status
