"""No record holds up others: neither one that can't be stored, nor one that takes long."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.forum.rendering import MOST_MARKUP
from services.forum.replicas import held
from shared.bus.halving import fault_of
from shared.bus.records import Unstorable
from shared.clock import stopped_at
from shared.database.engine import sized
from tests.forum.people import Place
from tests.forum.records import SOUTH, Applying, Region, ahead, received


def with_a_nul(record: Any) -> Any:
    """In a field that this release doesn't know, so that only PostgreSQL refuses it."""
    return record._replace(body=record.body[:-1] + b', "later": "nothing\\u0000more"}')


async def test_a_held_record_that_cant_be_stored_holds_up_no_other(forum: Place, applying: Applying) -> None:
    south = Region()
    day = timedelta(days=1)
    threads = [south.thread(title, version=ahead(day)) for title in ("one", "bad", "two")]
    one, bad, two = (received(thread, SOUTH) for thread in threads)
    await applying.apply(one, with_a_nul(bad), two)
    titles, waiting = "SELECT title FROM threads ORDER BY title", "SELECT key FROM held_records"
    with stopped_at(datetime.now(UTC)) as time:
        time.move(day)
        await applying.release_due()
        assert [row["title"] for row in await forum.rows(titles)] == ["one", "two"]
        assert [row["key"] for row in await forum.rows(waiting)] == [bad.key]
        # As if an upgrade could: an hour later.
        await applying.execute("UPDATE held_records SET body = :body", body=bad.body)
        await applying.release_due()
        assert len(await forum.rows(waiting)) == 1
        time.move(timedelta(hours=1))
        await applying.release_due()
    assert [row["title"] for row in await forum.rows(titles)] == ["bad", "one", "two"]
    assert await forum.rows(waiting) == []


async def test_a_newer_version_that_comes_while_one_is_released_waits_for_its_own_time(
    forum: Place, applying: Applying
) -> None:
    south = Region()
    thread = south.thread("first", version=ahead(timedelta(minutes=30)))
    newer = thread.model_copy(update={"version": ahead(timedelta(days=1)), "title": "second"})
    await applying.south(thread)
    with stopped_at(datetime.now(UTC) + timedelta(minutes=40)):
        async with applying.sessions() as session, session.begin():
            due = await held.due(session)
            assert [record.key for record in due] == [str(thread.id)]
        await applying.south(newer)
        async with applying.sessions() as session, session.begin():
            await held.let_go(session, due)
    assert [row["version"] for row in await forum.rows("SELECT version FROM held_records")] == [newer.version]


async def test_while_slow_posts_are_made_ready_others_have_their_turns_and_no_transaction_runs(
    forum: Place, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    posts = [south.post(thread.id, "![" * (MOST_MARKUP // 2)) for _ in range(8)]
    turns = 0
    applied = asyncio.create_task(applying.south(*posts))
    while not applied.done():
        await asyncio.sleep(0)
        turns += sized(applying.engine).checkedout() == 0
    await applied
    assert len(await forum.rows("SELECT FROM posts")) == len(posts)
    assert turns > 20


async def test_a_record_of_which_no_row_can_be_made_is_at_fault_itself(applying: Applying) -> None:
    record = received(Region().thread(), SOUTH)
    with pytest.raises(Unstorable) as caught:
        await applying.apply(record._replace(body=b"{"))
    assert fault_of(caught.value) == "unstorable"
