"""Regions of different releases: what a newer one tells is kept whole by an older one, and shown after its upgrade."""

import json
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from services.forum.models import PROJECTION
from services.forum.replicas import applying as replicas_applying
from services.forum.replicas.projecting import project_again
from services.forum.replicas.tables import TABLES, Table
from services.forum.settings import Settings
from shared.bus.dead_letters import replay, waiting
from shared.bus.records import Received
from shared.contracts.payloads.forum import PostPublished, ThreadOpened
from shared.contracts.topics import POSTS, THREADS
from tests.forum.conftest import running
from tests.forum.people import Person, Place, until
from tests.forum.records import SOUTH, Applying, Region, mirror, received
from tests.tokens import Issuer


class NextPostPublished(PostPublished):
    """The same contract, one release later: an optional field more."""

    language: str | None = None


NEXT: Table = replace(
    TABLES[POSTS.name],
    topic=replace(POSTS, payloads=(NextPostPublished,)),
    columns={**TABLES[POSTS.name].columns, "language": "text"},
    projection=PROJECTION + 1,
)
NEXT_TABLES = {**TABLES, POSTS.name: NEXT}
LANGUAGES = "SELECT body, language, projection FROM posts ORDER BY written"


def told_by_the_next_release(post: PostPublished, language: str | None) -> Received[Any]:
    """As today's release reads it: the payload by today's contract, the body as it came."""
    newer = NextPostPublished(**post.model_dump(), language=language)
    record = received(post, SOUTH)
    body = newer.model_dump_json().encode()
    return record._replace(body=body, payload=PostPublished.model_validate_json(body))


@pytest.fixture
async def upgraded(forum: Place) -> None:
    """The next release's migration is there; it runs before any process of that release does."""
    await forum.database.execute("ALTER TABLE posts ADD COLUMN language text")


@pytest.mark.usefixtures("upgraded")
async def test_what_this_release_doesnt_know_is_applied_kept_and_projected_after_the_upgrade(
    forum: Place, ada: Person, applying: Applying, monkeypatch: pytest.MonkeyPatch
) -> None:
    south = Region()
    own = await ada.opens(body="Ours")
    thread = south.thread()
    first, second, plain = (south.post(thread.id, body) for body in ("First", "Second", "Third"))
    edited = second.model_copy(update={"version": south.home.clock.tick(), "body": "Second, better"})
    await applying.south(south.profile(), thread, plain)
    await applying.apply(told_by_the_next_release(first, "nb"), told_by_the_next_release(second, "en"))
    await applying.apply(told_by_the_next_release(edited, "nn"))
    await applying.apply(told_by_the_next_release(second, "en"))  # an old one again: nothing
    page = await ada.reads({"id": thread.id})
    assert [post["body_html"].strip() for post in page["posts"]] == [
        f"<p>{body}</p>" for body in ("First", "Second, better", "Third")
    ]
    assert {row["language"] for row in await forum.rows(LANGUAGES)} == {None}
    unchanged = (
        "SELECT id, version, arrived_at, announced_at, read_back, received::text FROM posts ORDER BY id"
    )
    before = await forum.rows(unchanged)

    assert await project_again(applying.sessions, NEXT_TABLES.values()) == 3
    rows = [tuple(row.values()) for row in await forum.rows(LANGUAGES)]
    now = PROJECTION + 1
    assert rows == [
        ("Ours", None, now), ("First", "nb", now), ("Second, better", "nn", now), ("Third", None, now),
    ]  # fmt: skip
    assert await forum.rows(unchanged) == before
    assert await project_again(applying.sessions, NEXT_TABLES.values()) == 0
    assert (await ada.reads(own))["posts"][0]["body"] == "Ours"

    # The release before may still run beside it; what it stores meanwhile is projected at the next start.
    late = south.post(thread.id, "Late")
    await applying.apply(told_by_the_next_release(late, "da"))
    assert await project_again(applying.sessions, NEXT_TABLES.values()) == 1
    monkeypatch.setattr(replicas_applying, "TABLES", NEXT_TABLES)
    newest = NextPostPublished(**south.post(thread.id, "New").model_dump(), language="se")
    record = received(south.post(thread.id), SOUTH)
    body = newest.model_dump_json().encode()
    await applying.apply(record._replace(key=str(newest.id), payload=newest, body=body))
    assert [row["language"] for row in await forum.rows(LANGUAGES)][-2:] == ["da", "se"]


@pytest.mark.usefixtures("upgraded")
async def test_what_was_erased_has_nothing_to_project(forum: Place, applying: Applying) -> None:
    south = Region()
    post = south.post(south.thread().id, "Personal words")
    await applying.apply(told_by_the_next_release(post, "nb"))
    erased = post.model_copy(update={"version": south.home.clock.tick(), "erased": True, "body": None})
    await applying.apply(told_by_the_next_release(erased, None))
    await project_again(applying.sessions, NEXT_TABLES.values())
    [row] = await forum.rows(
        "SELECT erased, body, body_html, language, received::text AS received FROM posts"
    )
    assert (row["erased"], row["body"], row["body_html"], row["language"]) == (True, None, None, None)
    assert json.loads(row["received"])["language"] is None
    assert "Personal" not in row["received"]


async def test_what_changed_while_columns_were_filled_again_stays(forum: Place, applying: Applying) -> None:
    south = Region()
    post = south.post(south.thread().id, "First")
    table = TABLES[POSTS.name]
    stale = [table.row(post, post.model_dump(mode="json"))]
    edited = post.model_copy(update={"version": south.home.clock.tick(), "body": "Better"})
    await applying.south(edited)
    async with applying.sessions() as session, session.begin():
        await session.execute(table.project, {"records": json.dumps(stale)})
    assert [row["body"] for row in await forum.rows("SELECT body FROM posts")] == ["Better"]


async def test_a_region_that_starts_projects_what_another_release_filled(
    forum: Place, ada: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    await applying.south(thread, south.post(thread.id, "**Sun**"))
    await forum.database.execute("UPDATE posts SET projection = 0, body_html = 'as it was filled once'")
    await forum.database.execute("UPDATE threads SET projection = 0")
    await applying.project_again()
    [post] = (await ada.reads({"id": thread.id}))["posts"]
    assert post["body_html"].strip() == "<p><strong>Sun</strong></p>"
    assert await forum.rows("SELECT 1 FROM threads WHERE projection = 0") == []


class ThreadOpenedV2(ThreadOpened):
    """A new major version: another type."""

    type: ClassVar[str] = "peercafe.forum.thread.opened.v2"


async def test_a_type_that_is_unknown_waits_and_is_applied_after_the_upgrade(
    settings_with_south: Settings,
) -> None:
    settings, issuer, south = settings_with_south, Issuer(), Region()
    known, thread = THREADS.payloads, south.thread("In this release's words")
    newer = ThreadOpenedV2(**south.thread("In new words").model_dump())

    async def letters(place: Place) -> int:
        return len(await waiting(place.settings.kafka, "forum"))

    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        await mirror(settings, newer, thread, topic=THREADS)
        await until(lambda: letters(place), lambda count: count == 1)
        await until(lambda: place.rows("SELECT 1 FROM threads"), lambda rows: len(rows) == 1)
    object.__setattr__(THREADS, "payloads", (*known, ThreadOpenedV2))
    try:
        async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
            [outcome] = await replay(settings.kafka, "forum", app.state.bus.consumers)
            assert outcome.error is None
            titles = [row["title"] for row in await place.rows("SELECT title FROM threads ORDER BY title")]
            assert titles == ["In new words", "In this release's words"]
            assert await letters(place) == 0
    finally:
        object.__setattr__(THREADS, "payloads", known)
