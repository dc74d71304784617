"""Notices cross to another address, late, together, and stripped."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from services.identity.switchboard import notices
from shared import clock
from shared.clock import SettableClock
from shared.contracts.payloads.notices import NoticeLooked, NoticeRequested
from shared.contracts.topics import NOTICES_ADDRESSED, NOTICES_REQUESTED
from tests.identity_switchboard.conftest import Board, fact

FORUM, EVENTS = NOTICES_REQUESTED["forum"], NOTICES_REQUESTED["events"]
REPLIES = NoticeRequested(category="replies")
SOON = NoticeRequested(category="replies", urgency="soon")
LOOKED = NoticeLooked(category="replies")


async def left(board: Board) -> list[tuple[str, str, str | None]]:
    """Key, type and urgency of what was published."""
    return [
        (row.key, row.type.split(".")[2], row.payload.get("urgency"))
        for row in await board.published(NOTICES_ADDRESSED)
    ]


async def test_a_notice_leaves_under_the_notifications_alias_at_the_next_release(
    board: Board, time: SettableClock
) -> None:
    somebody = await board.joins()
    forum = await board.alias(somebody, "forum")
    time.move(timedelta(seconds=13))
    await board.hears_notices("forum", fact(FORUM, forum, SOON))
    assert await board.release_notices() == 0
    time.move(timedelta(seconds=46))
    assert await board.release_notices() == 0
    time.move(timedelta(seconds=1))
    assert await board.release_notices() == 1
    notifications = await board.alias(somebody, "notifications")
    assert await left(board) == [(str(notifications), "addressed", "soon")]
    assert not await board.fetch("SELECT 1 FROM notices_held")


async def test_no_notice_is_held_longer_than_the_setting(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    for second in range(0, 120, 7):
        await board.hears_notices("forum", fact(FORUM, forum, REPLIES))
        time.move(timedelta(seconds=60))
        assert await board.release_notices() == 1, second
        time.move(timedelta(seconds=7))


async def test_equal_notices_become_one_and_the_more_urgent_wins(board: Board, time: SettableClock) -> None:
    somebody = await board.joins()
    forum, events = await board.alias(somebody, "forum"), await board.alias(somebody, "events")
    cafes = NoticeRequested(category="cafes")
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES), fact(FORUM, forum, SOON))
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES))
    await board.hears_notices("events", fact(EVENTS, events, cafes), fact(EVENTS, events, cafes))
    time.move(timedelta(minutes=1))
    await board.release_notices()
    notifications = str(await board.alias(somebody, "notifications"))
    assert sorted(await left(board)) == [
        (notifications, "addressed", "ordinary"),
        (notifications, "addressed", "soon"),
    ]


async def test_looking_takes_back_what_was_asked_before_it(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    await board.hears_notices("forum", fact(FORUM, forum, SOON))
    await board.hears_notices("forum", fact(FORUM, forum, LOOKED))
    time.move(timedelta(minutes=1))
    await board.release_notices()
    assert [(type_, urgency) for _, type_, urgency in await left(board)] == [("settled", None)]


async def test_what_is_asked_after_looking_is_new_again(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    await board.hears_notices("forum", fact(FORUM, forum, SOON), fact(FORUM, forum, LOOKED))
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES))
    time.move(timedelta(minutes=1))
    await board.release_notices()
    assert [(type_, urgency) for _, type_, urgency in await left(board)] == [
        ("settled", None),
        ("addressed", "ordinary"),
    ]


async def test_an_alias_of_another_service_is_refused(board: Board, time: SettableClock) -> None:
    somebody = await board.joins()
    forum, events = await board.alias(somebody, "forum"), await board.alias(somebody, "events")
    await board.hears_notices("forum", fact(FORUM, events, REPLIES))
    await board.hears_notices("events", fact(EVENTS, forum, NoticeRequested(category="cafes")))
    await board.hears_notices("forum", fact(FORUM, uuid4(), REPLIES), fact(FORUM, "no alias", REPLIES))
    time.move(timedelta(minutes=1))
    assert await board.release_notices() == 0
    assert await board.published() == []


async def test_a_refused_record_doesnt_keep_others_from_their_way(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    await board.hears_notices("forum", fact(FORUM, uuid4(), REPLIES), fact(FORUM, forum, REPLIES))
    time.move(timedelta(minutes=1))
    assert await board.release_notices() == 1


async def test_a_notice_delivered_twice_leaves_once(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    notice = fact(FORUM, forum, REPLIES)
    await board.hears_notices("forum", notice)
    time.move(timedelta(minutes=1))
    await board.release_notices()
    await board.hears_notices("forum", notice)
    time.move(timedelta(minutes=1))
    assert await board.release_notices() == 0
    assert len(await left(board)) == 1


async def test_notices_older_than_a_day_are_never_sent(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    other = await board.alias(await board.joins(), "forum")
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES, at=clock.now() - timedelta(hours=25)))
    await board.hears_notices("forum", fact(FORUM, other, REPLIES))
    time.move(timedelta(hours=25))  # identity was away
    await board.release_notices()
    assert await left(board) == []
    assert not await board.fetch("SELECT 1 FROM notices_held")


async def test_a_cafe_notice_of_tonight_isnt_a_day_old_at_midnight(board: Board, time: SettableClock) -> None:
    events = await board.alias(await board.joins(), "events")
    time.move(timedelta(hours=11, minutes=50))
    tonight = fact(EVENTS, events, NoticeRequested(category="cafes"))
    assert tonight.time.hour == 0
    time.move(timedelta(hours=20))
    await board.hears_notices("events", tonight)
    time.move(timedelta(minutes=1))
    await board.release_notices()
    assert len(await left(board)) == 1


async def test_a_crash_between_handling_and_release_loses_nothing(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES))
    time.move(timedelta(minutes=1))
    async with board.sessions() as session:  # a release that never commits
        assert await notices.release(session) == 1
        await session.rollback()
    assert await board.published() == []
    assert await board.release_notices() == 1
    assert len(await left(board)) == 1


async def test_more_than_a_batch_leaves_whole(board: Board, time: SettableClock) -> None:
    people = [await board.alias(await board.joins(), "forum") for _ in range(3)]
    categories = ("replies", "moderation")
    records = [fact(FORUM, p, NoticeRequested(category=c)) for p in people for c in categories]
    await board.hears_notices("forum", *records)
    async with board.sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO notices_held SELECT gen_random_uuid(), 'replies', false, 'ordinary', :now, :now"
                " FROM generate_series(1, 1200)"
            ),
            {"now": clock.now()},
        )
    time.move(timedelta(minutes=1))
    assert await board.release_notices() == 1206
    assert len({(row.key, row.payload["category"]) for row in await board.published()}) == 1206


async def test_a_held_notice_doesnt_tell_when_it_came(board: Board, time: SettableClock) -> None:
    forum = await board.alias(await board.joins(), "forum")
    time.move(timedelta(seconds=13, milliseconds=377))
    await board.hears_notices("forum", fact(FORUM, forum, REPLIES))
    (held,) = await board.fetch("SELECT asked_at, due_at FROM notices_held")
    assert [(at.second, at.microsecond) for at in held] == [(0, 0), (0, 0)]
