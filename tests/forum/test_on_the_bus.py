"""The whole way: outbox, relay, Kafka, back into the tables; notices and news; leaving."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer

from services.forum.use_cases.leaving import among_regions
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.topics import IDENTITY_AUDIENCES
from shared.database.engine import make_engine, make_sessions
from shared.hlc import version_at
from shared.outbox.add import add
from tests.forum.people import Json, Person, Place, until


async def settled(person: Person, thread: Json, replies: int) -> Json:
    """The thread's page once the list counts its replies."""

    async def counted() -> list[int]:
        return [each["replies"] for each in await person.threads() if each["id"] == thread["id"]]

    await until(counted, lambda found: found == [replies])
    return await person.reads(thread)


async def on_topic(place: Place, topic: str, count: int) -> list[tuple[str, Json]]:
    """(key, payload) of the first `count` records of a topic, and whatever else is there by then.

    Rows of the switchboard's way are deleted when sent, so that the outbox can't be asked.
    """
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=place.settings.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        group_id=None,
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 60) for _ in range(count)]
        for more in (await consumer.getmany(timeout_ms=300)).values():
            records += more
    finally:
        await consumer.stop()
    records.sort(key=lambda record: (record.timestamp, record.offset))
    return [
        (record.key.decode(), json.loads(record.value))
        for record in records
        if not record.key.startswith(b"keep-alive")
    ]


async def requested(place: Place, count: int) -> list[tuple[str, Json]]:
    return await on_topic(place, "local.notices.requested.forum.v1", count)


async def identity_says(place: Place, change: AudienceAlias) -> None:
    """As if identity had published it: through this service's own outbox and relay."""
    engine = make_engine(place.settings.database_url.get_secret_value(), pool=1)
    async with make_sessions(engine)() as session, session.begin():
        await add(session, IDENTITY_AUDIENCES["forum"], change.id, change)
    await engine.dispose()
    place.app.state.relay.wake()


def change_of(person: Person, **changed: object) -> AudienceAlias:
    from shared import clock

    return AudienceAlias(id=person.alias, home="north", version=version_at(clock.now()), **changed)


async def test_replies_are_counted_and_told_to_watchers_once(live_forum: Place) -> None:
    ada, bo = await live_forum.member("Ada"), await live_forum.member("Bo")
    thread = await ada.opens()
    reply = await bo.replies(thread)
    page = await settled(ada, thread, 1)
    assert page["answered"]
    assert [t["id"] for t in await ada.threads()] == [thread["id"]]
    assert await ada.for_you() == [
        {
            "kind": "reply",
            "thread_id": thread["id"],
            "title": "Mornings",
            "post_id": reply["id"],
            "after": thread["posts"][0]["id"],
            "reason": None,
        }
    ]
    assert await bo.for_you() == []
    wanted = (str(ada.alias), {"category": "replies", "urgency": "ordinary"})
    assert await requested(live_forum, 1) == [wanted]

    await ada.views(thread)
    assert await ada.for_you() == []
    await ada.views(thread)
    looked = (str(ada.alias), {"category": "replies"})
    assert await requested(live_forum, 2) == [wanted, looked]


async def test_who_stops_watching_is_told_nothing_more(live_forum: Place) -> None:
    ada, bo = await live_forum.member("Ada"), await live_forum.member("Bo")
    thread = await ada.opens()
    await ada.do("DELETE", f"/threads/{thread['id']}/watching")
    await bo.do("PUT", f"/threads/{thread['id']}/watching")
    await bo.replies(thread, "One")
    await settled(ada, thread, 1)
    await ada.replies(thread, "Two")
    await settled(ada, thread, 2)
    assert {item["thread_id"] for item in await bo.for_you()} == {thread["id"]}
    assert [key for key, _ in await requested(live_forum, 1)] == [str(bo.alias)]
    await bo.do("DELETE", f"/threads/{thread['id']}/watching")
    assert await bo.for_you() == []


async def test_a_hidden_post_is_told_to_its_writer_and_shown_to_nobody_else(live_forum: Place) -> None:
    ada, bo, kari = (
        await live_forum.member("Ada"),
        await live_forum.member("Bo"),
        live_forum.consultant("Kari"),
    )
    thread = await ada.opens()
    reply = await bo.replies(thread, "Her name is Grethe")
    hide, key = f"/posts/{reply['id']}/hides", uuid4().hex
    assert (await ada.ask("POST", hide, {"reason": "x"})).status_code == 403
    made = [await kari.ask("POST", hide, {"reason": "It names somebody."}, key=key) for _ in range(2)]
    assert made[0].json() == made[1].json()

    news = await until(bo.for_you, bool)
    assert (news[0]["kind"], news[0]["reason"], news[0]["post_id"]) == (
        "hidden",
        "It names somebody.",
        reply["id"],
    )
    sees = {p.name: (await p.reads(thread))["posts"][1] for p in (ada, bo, kari)}
    assert (sees["Ada"]["body_html"], sees["Ada"]["author"], sees["Ada"]["hidden_reason"]) == (
        None,
        None,
        None,
    )
    for told in ("Bo", "Kari"):
        assert "Grethe" in sees[told]["body_html"]
        assert sees[told]["hidden_reason"] == "It names somebody."
    assert await ada.finds("Grethe") == []

    await bo.views(thread)
    assert await bo.for_you() == []
    await kari.do("DELETE", hide)
    assert "Grethe" in (await ada.reads(thread))["posts"][1]["body_html"]
    assert [item["kind"] for item in await until(bo.for_you, bool)] == ["restored"]
    assert [f["post_id"] for f in await ada.finds("Grethe")] == [reply["id"]]
    notices = [state for key, state in await requested(live_forum, 3) if key == str(bo.alias)]
    assert notices == [
        {"category": "moderation", "urgency": "soon"},
        {"category": "moderation"},
        {"category": "moderation", "urgency": "soon"},
    ]
    log = await live_forum.rows("SELECT event FROM security_log ORDER BY event")
    assert [row["event"] for row in log] == ["post-hidden", "post-restored"]


async def test_a_hidden_opening_takes_its_thread_out_of_the_list(live_forum: Place) -> None:
    ada, bo, kari = (
        await live_forum.member("Ada"),
        await live_forum.member("Bo"),
        live_forum.consultant("Kari"),
    )
    thread = await ada.opens("Title that tells too much")
    await bo.replies(thread, "Warm words")
    await settled(ada, thread, 1)
    await kari.do("POST", f"/posts/{thread['posts'][0]['id']}/hides", {"reason": "Too much"})
    assert await bo.threads() == []
    assert [t["hidden"] for t in await ada.threads()] == [t["hidden"] for t in await kari.threads()] == [True]
    page = await bo.reads(thread)
    assert (page["title"], page["hidden"]) == (None, True)
    assert [p["body_html"] is None for p in page["posts"]] == [True, False]
    assert await bo.finds("title") == []
    answer = await bo.ask("POST", f"/threads/{thread['id']}/posts", {"body": "More"})
    assert answer.json()["type"] == "/problems/thread-hidden"


async def test_threads_nobody_has_answered_stand_oldest_first(live_forum: Place) -> None:
    ada, bo, kari = (
        await live_forum.member("Ada"),
        await live_forum.member("Bo"),
        live_forum.consultant("Kari"),
    )
    first, second, third = [await ada.opens(title) for title in ("First", "Second", "Third")]
    await kari.opens("A prompt")
    await ada.replies(second, "Anyone?")
    answer = await bo.replies(third)
    await settled(ada, third, 1)
    await settled(ada, second, 1)

    async def waiting() -> list[str]:
        return [t["title"] for t in await kari.threads(unanswered=True, order="oldest")]

    assert await until(waiting, lambda titles: len(titles) == 2) == ["First", "Second"]
    await bo.do("DELETE", f"/posts/{answer['id']}")
    assert await until(waiting, lambda titles: len(titles) == 3) == ["First", "Second", "Third"]
    await kari.replies(first)
    assert await until(waiting, lambda titles: len(titles) == 2) == ["Second", "Third"]


async def test_whoever_leaves_is_erased_everywhere_and_refused(live_forum: Place) -> None:
    ada, bo = await live_forum.member("Ada"), await live_forum.member("Bo")
    thread = await ada.opens("Kept by Ada")
    gone = await bo.opens("Bo's own", "Bo's words")
    await bo.replies(thread, "Bo's reply")
    await ada.replies(gone, "Ada's reply")
    await bo.do("PUT", f"/posts/{thread['posts'][0]['id']}/reactions/thanks")
    await bo.views(thread)
    erasure = uuid4()
    await identity_says(live_forum, change_of(bo, erased=True, erasure_id=erasure))

    async def left() -> list[Json]:
        return await live_forum.rows(
            "SELECT * FROM members WHERE alias = $1 AND erased_at IS NOT NULL", bo.alias
        )

    [member] = await until(left, bool)
    assert member["profile_id"] is None
    for table in ("profiles", "threads", "posts", "reactions"):
        rows = await live_forum.rows(f"SELECT * FROM {table}")
        assert not any("Bo" in str(row) for row in rows), table
    assert await live_forum.rows("SELECT FROM watching WHERE alias = $1", bo.alias) == []
    assert await live_forum.rows("SELECT FROM read_marks WHERE alias = $1", bo.alias) == []

    page = await ada.reads(gone)
    assert [p["removed"] for p in page["posts"]] == [True, False]
    assert (
        "Ada&#39;s reply" in page["posts"][1]["body_html"] or "Ada's reply" in page["posts"][1]["body_html"]
    )
    for method, path, body in (
        ("GET", "/threads", None),
        ("GET", f"/threads/{thread['id']}", None),
        ("GET", "/for-you", None),
        ("GET", "/export", None),
        ("POST", "/profile", {"name": "Bo again"}),
        ("POST", "/threads", {"title": "t", "wish": "listen", "body": "b"}),
        ("POST", f"/threads/{thread['id']}/posts", {"body": "b"}),
        ("PUT", f"/threads/{thread['id']}/read-mark", {"shown": [thread["posts"][0]["id"]]}),
    ):
        answer = await bo.ask(method, path, body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/account-closed"), path
    answer = await live_forum.newcomer().ask("POST", "/profile", {"name": "Bo"})
    assert answer.json()["type"] == "/problems/name-taken"  # a released name stays reserved

    records = [state for _, state in await live_forum.published("shared.forum.erasures.v1")]
    known = among_regions(live_forum.settings.secret.get_secret_value().encode(), erasure)
    assert [(r["id"], r["acknowledged"]) for r in records] == [
        (f"{known}:north", False),
        (f"{known}:north", True),
    ]
    assert (len(records[0]["posts"]), len(records[0]["threads"]), len(records[0]["reactions"])) == (2, 1, 1)
    last = dict(await live_forum.published("shared.forum.posts.v1"))
    assert [last[post]["erased"] for post in records[0]["posts"]] == [True, True]


async def test_a_closed_account_is_refused_until_it_is_opened_again(live_forum: Place) -> None:
    ada = await live_forum.member("Ada")
    thread = await ada.opens()
    await identity_says(live_forum, change_of(ada, closed=True))

    async def status() -> int:
        return (await ada.ask("POST", f"/threads/{thread['id']}/posts", {"body": "Hm"})).status_code

    await until(status, lambda code: code == 403)
    await identity_says(live_forum, change_of(ada, closed=False))
    await until(status, lambda code: code == 201)


async def test_a_new_role_is_presented(live_forum: Place) -> None:
    ada = await live_forum.member("Ada")
    await identity_says(live_forum, change_of(ada, role="consultant"))

    async def role() -> str:
        found: str = (await ada.do("GET", "/profile"))["role"]
        return found

    await until(role, lambda found: found == "consultant")


async def test_an_erased_alias_that_never_wrote_is_refused_too(live_forum: Place) -> None:
    stranger = live_forum.newcomer()
    await identity_says(live_forum, change_of(stranger, erased=True, erasure_id=uuid4()))

    async def status() -> int:
        return (await stranger.ask("POST", "/profile", {"name": "Nobody"})).status_code

    await until(lambda: live_forum.rows("SELECT FROM members WHERE alias = $1", stranger.alias), bool)
    assert await status() == 403


async def test_no_alias_stands_on_a_shared_topic(live_forum: Place) -> None:
    ada, bo = await live_forum.member("Ada"), await live_forum.member("Bo")
    thread = await ada.opens()
    reply = await bo.replies(thread)
    await ada.do("PUT", f"/posts/{reply['id']}/reactions/thinking")
    await settled(ada, thread, 1)
    topics = [f"shared.forum.{kind}.v1" for kind in ("profiles", "threads", "posts", "reactions")]
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=live_forum.settings.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        group_id=None,
    )
    await consumer.start()
    try:
        records: list[Any] = []
        while len(records) < 6:
            records.append(await consumer.getone())
    finally:
        await consumer.stop()
    for record in records:
        said = f"{record.key!r}{record.value!r}{record.headers!r}"
        assert str(ada.alias) not in said
        assert str(bo.alias) not in said
        assert {name for name, _ in record.headers} == {
            "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type",
        }  # fmt: skip


async def test_everything_of_ones_own_can_be_taken_along(live_forum: Place) -> None:
    ada, bo = await live_forum.member("Ada"), await live_forum.member("Bo")
    thread = await ada.opens("Title", "Body")
    reply = await bo.replies(thread, "Reply")
    await bo.do("PUT", f"/posts/{thread['posts'][0]['id']}/reactions/recognise")
    await bo.views(thread)
    taken = await bo.do("GET", "/export")
    assert taken["profile"]["name"] == "Bo"
    assert [(p["id"], p["body"]) for p in taken["posts"]] == [(reply["id"], "Reply")]
    assert [r["kind"] for r in taken["reactions"]] == ["recognise"]
    assert taken["watching"] == [thread["id"]]
    assert [o["thread_id"] for o in taken["opened"]] == [thread["id"]]
    assert UUID(taken["profile"]["id"]).version == 8
