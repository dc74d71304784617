"""The forum's tables filled anew from the topics."""

import pytest

from services.forum.rebuilding import TopicsIncomplete, rebuild
from shared.bus.agreement import MARK_RESTORED, cluster_of
from shared.contracts.topics import POSTS
from shared.database.engine import make_engine, make_sessions
from shared.settings import KafkaSettings
from tests.engines import Engines
from tests.forum.conftest import running, settings_for
from tests.forum.people import Json, Person, Place, until
from tests.tokens import Issuer

CAME = "SELECT id, arrived_at, announced_at FROM posts ORDER BY id"
ACTIVITY = "SELECT * FROM thread_activity ORDER BY thread_id"


async def rebuilt(place: Place) -> tuple[int, dict[str, int]]:
    """How many rows are gone, and how many records of each topic were read."""
    engine = make_engine(place.settings.database_url.get_secret_value(), pool=2)
    read: dict[str, int] = {}
    begun: list[bool] = []

    def tell(topic: str, done: int, of: int) -> None:
        assert done <= of
        read[topic] = done

    try:
        consumer = place.app.state.bus.consumers["forum.replicas"]
        gone = await rebuild(
            consumer, make_sessions(engine), place.settings.kafka, lambda: begun.append(True), tell
        )
    except TopicsIncomplete:
        assert not begun
        assert not read
        raise
    else:
        return gone, read
    finally:
        await engine.dispose()


async def a_thread_with_replies(place: Place) -> tuple[Person, Json]:
    ada, bo = await place.member("Ada"), await place.member("Bo")
    thread = await ada.opens()
    await bo.replies(thread, "First")
    await bo.replies(thread, "Second")
    await until(ada.threads, lambda listed: [each["replies"] for each in listed] == [2])
    await until(lambda: place.rows("SELECT 1 FROM outbox"), lambda rows: not rows)
    return ada, thread


async def test_what_the_topics_say_is_there_again_whatever_became_of_the_tables(live_forum: Place) -> None:
    ada, thread = await a_thread_with_replies(live_forum)
    page, came, activity = (
        await ada.reads(thread), await live_forum.rows(CAME), await live_forum.rows(ACTIVITY),
    )  # fmt: skip
    first, second = [post["id"] for post in page["posts"]][1:]
    await live_forum.database.execute(
        "UPDATE posts SET body = 'spoilt', body_html = 'spoilt', version = version + 1000 WHERE id = $1",
        first,
    )
    await live_forum.database.execute("UPDATE threads SET title = 'spoilt'")
    await live_forum.database.execute("UPDATE thread_activity SET replies = 40, answered = false")
    gone, read = await rebuilt(live_forum)
    assert gone == 0
    assert read[POSTS.name] >= 3  # and keep-alives
    assert await ada.reads(thread) == page
    assert await live_forum.rows(CAME) == came
    assert await live_forum.rows(ACTIVITY) == activity
    await live_forum.database.execute("DELETE FROM posts WHERE id = $1", second)
    await rebuilt(live_forum)
    again = (await ada.reads(thread))["posts"]
    assert [(post["id"], post["body_html"]) for post in again] == [
        (post["id"], post["body_html"]) for post in page["posts"]
    ]


async def test_a_row_that_no_topic_knows_of_is_gone(live_forum: Place) -> None:
    ada, thread = await a_thread_with_replies(live_forum)
    page = await ada.reads(thread)
    await live_forum.database.execute(
        "INSERT INTO posts (id, nonce, home, version, author_id, author_nonce, thread_id, written, opening, body,"
        " body_html, arrived_at, erased, projection, edited) SELECT gen_random_uuid(), nonce, home, version, author_id,"
        " author_nonce, thread_id, written, opening, 'stray', 'stray', arrived_at, erased, projection, edited"
        " FROM posts WHERE NOT opening LIMIT 1"
    )
    gone, _ = await rebuilt(live_forum)
    assert gone == 1
    assert await ada.reads(thread) == page


@pytest.mark.parametrize(
    "became", ["UPDATE agreement SET cluster = 'of before'", MARK_RESTORED], ids=["new-kafka", "restored"]
)
async def test_topics_that_may_lack_what_the_database_has_are_refused_and_nothing_is_changed(
    live_forum: Place, became: str
) -> None:
    ada, thread = await a_thread_with_replies(live_forum)
    page, came = await ada.reads(thread), await live_forum.rows(CAME)
    await live_forum.database.execute(became)
    with pytest.raises(TopicsIncomplete):
        await rebuilt(live_forum)
    assert await ada.reads(thread) == page
    assert await live_forum.rows(CAME) == came


async def test_a_lost_database_is_filled_before_it_was_ever_compared(
    engines: Engines, live_forum: Place
) -> None:
    ada, thread = await a_thread_with_replies(live_forum)
    settings = await settings_for(engines, kafka=live_forum.settings.kafka)
    async with running(settings, live_forum.issuer) as app, Place(app, live_forum.issuer, settings) as place:
        assert not await place.rows("SELECT 1 FROM posts")
        assert (await rebuilt(place))[0] == 0
        ids = {str(row["id"]) for row in await place.rows("SELECT id FROM posts")}
    assert ids >= {post["id"] for post in (await ada.reads(thread))["posts"]}


async def test_what_waits_to_be_published_stays(engines: Engines) -> None:
    await engines.fresh_kafka_topics()
    issuer = Issuer()
    settings = await settings_for(engines, kafka=KafkaSettings(bootstrap_servers=engines.kafka))
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        page = await ada.reads(thread)
        with pytest.raises(TopicsIncomplete):
            await rebuilt(place)  # nobody has compared them
        agreed = await cluster_of(settings.kafka)
        await place.database.execute("INSERT INTO agreement (cluster) VALUES ($1)", agreed)
        assert (await rebuilt(place))[0] == 0
        assert await ada.reads(thread) == page


async def test_rebuilding_requests_no_notice_twice(live_forum: Place) -> None:
    ada, _ = await a_thread_with_replies(live_forum)
    before = await ada.for_you()
    requested = await live_forum.rows("SELECT count(*) FROM outbox")
    await rebuilt(live_forum)
    assert await ada.for_you() == before
    assert await live_forum.rows("SELECT count(*) FROM outbox") == requested
