"""Whoever leaves is forgotten here at once, and by every service at a time of its own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.identity.switchboard import addresses, erasure, last_words
from shared.clock import SettableClock
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.topics import ACTIVITY, ENDINGS, IDENTITY_AUDIENCES, NOTICES_REQUESTED
from shared.hlc import HybridLogicalClock, time_of
from tests.identity_switchboard.conftest import Board, Published, fact

AUDIENCES = ("forum", "events", "notifications", "identity")


async def somebody_with_aliases(board: Board) -> tuple[UUID, dict[str, UUID]]:
    somebody = await board.joins()
    return somebody, {audience: await board.alias(somebody, audience) for audience in AUDIENCES}


async def erases(board: Board, participant: UUID) -> str:
    async with board.sessions.begin() as session:
        return await erasure.erase(session, participant)


async def tables_that_tell(board: Board, ids: Sequence[UUID]) -> set[str]:
    """The tables in which one of these ids can be read."""
    tables = await board.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return {
        name
        for (name,) in tables
        for row in await board.fetch(f"SELECT t::text AS line FROM {name} t")
        if any(str(one) in row.line or one.hex in row.line for one in ids)
    }


async def heard_over(board: Board, time: SettableClock, span: timedelta, step: timedelta) -> list[Published]:
    """What is published while time passes, step by step, but for what identity keeps for itself."""
    heard: list[Published] = []
    until = time.at + span
    while time.at < until:
        time.move(step)
        await board.say_endings()
        heard += [row for row in await board.published() if row.topic != ENDINGS.name]
        await board.clear()
    return heard


async def test_the_forum_hears_at_once_and_the_others_at_their_own_time(
    board: Board, time: SettableClock
) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    await erases(board, somebody)
    await board.say_endings()
    (forum,) = await board.published(*IDENTITY_AUDIENCES.values())
    assert (forum.topic, forum.key) == (IDENTITY_AUDIENCES["forum"].name, str(aliases["forum"]))
    assert forum.payload["erased"] is True
    await board.clear()
    assert await heard_over(board, time, timedelta(minutes=9), timedelta(minutes=1)) == []
    later = await heard_over(board, time, timedelta(days=7), timedelta(minutes=30))
    assert {(row.topic, row.key) for row in later} == {
        (IDENTITY_AUDIENCES[audience].name, str(aliases[audience]))
        for audience in ("events", "notifications")
    }
    ids = [row.payload["erasure_id"] for row in (forum, *later)]
    assert len(set(ids)) == len(ids) == 3
    assert all((row.occurred_at.hour, row.occurred_at.minute) == (0, 0) for row in later)


async def test_two_services_of_one_person_dont_hear_at_one_moment(board: Board, time: SettableClock) -> None:
    people = [await somebody_with_aliases(board) for _ in range(12)]
    for somebody, _ in people:
        await erases(board, somebody)
    await board.say_endings()
    await board.clear()
    gaps = []
    when: dict[str, int] = {}
    for hour in range(7 * 24 + 1):
        time.move(timedelta(hours=1))
        await board.say_endings()
        when |= {row.key: hour for row in await board.published()}
        await board.clear()
    for _, aliases in people:
        gaps.append(abs(when[str(aliases["events"])] - when[str(aliases["notifications"])]))
    assert sum(gap > 1 for gap in gaps) >= 8  # each gap is over an hour with probability 0.976


async def test_facts_under_an_erased_alias_are_refused(board: Board, time: SettableClock) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    study = uuid4()
    await board.study(study)
    notice = NoticeRequested(category="replies")
    await board.hears_notices("forum", fact(NOTICES_REQUESTED["forum"], aliases["forum"], notice))
    await board.hears_acts("forum", fact(ACTIVITY["forum"], aliases["forum"], PostWritten()))
    await erases(board, somebody)
    await board.hears_notices("forum", fact(NOTICES_REQUESTED["forum"], aliases["forum"], notice))
    await board.hears_acts("forum", fact(ACTIVITY["forum"], aliases["forum"], PostWritten()))
    time.move(timedelta(hours=1))
    await board.release_notices()
    await board.release_acts()
    assert await board.published() == []


async def test_nothing_of_the_person_is_left(board: Board) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    await board.study(uuid4())
    await erases(board, somebody)
    assert not await tables_that_tell(board, [somebody, *aliases.values()])
    assert not await board.fetch("SELECT 1 FROM participants")
    async with board.sessions() as session:
        with pytest.raises(addresses.ParticipantGone):
            await addresses.alias_of(session, somebody, "forum")


async def test_no_alias_can_be_read_of_those_who_stay_who_were_closed_and_who_left(
    board: Board, time: SettableClock
) -> None:
    await board.study(uuid4())
    people = [await somebody_with_aliases(board) for _ in range(3)]
    (_stays, _), (closed, _), (leaves, _) = people
    async with board.sessions.begin() as session:
        await erasure.close(session, closed)
    await erases(board, leaves)
    said = await heard_over(board, time, timedelta(days=7), timedelta(hours=1))
    aliases = [alias for _, by_audience in people for alias in by_audience.values()]
    study_aliases = [UUID(row.key) for row in said if "study_id" in row.payload]
    assert len(said) == 2 * 6
    assert len(study_aliases) == 2 * 3
    words = "SELECT 1 FROM last_words WHERE topic <> :endings"
    assert len(await board.fetch(words, endings=ENDINGS.name)) == len(said)
    assert not await tables_that_tell(board, [*aliases, *study_aliases])


async def test_the_last_word_stays_whatever_comes_after_it(board: Board, time: SettableClock) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    async with board.sessions.begin() as session:
        await erasure.close(session, somebody)
    await heard_over(board, time, timedelta(days=1), timedelta(hours=1))
    await erases(board, somebody)
    await heard_over(board, time, timedelta(days=7), timedelta(hours=1))
    topic = IDENTITY_AUDIENCES["forum"]
    async with board.sessions.begin() as session:
        [word] = [state async for state in last_words.all_on(topic, session, limit=1)]
        assert (word.id, word.erased) == (aliases["forum"], True)
        await last_words.keep(
            session, topic, [word.model_copy(update={"version": word.version - 1, "erased": False})]
        )
        assert await last_words.page(topic, session, None, 5) == [word]
        assert not await last_words.page(topic, session, word.id, 5)
        restarted = replace(board.switchboard, versions=HybridLogicalClock())
        time.at = time_of(word.version) - timedelta(minutes=5)
        await last_words.go_on_from_before(session, restarted)
        assert restarted.versions.tick() > word.version


async def test_a_receipt_leads_to_the_forums_erasure_id_once_the_forum_was_told_and_to_no_other(
    board: Board, time: SettableClock
) -> None:
    somebody, _ = await somebody_with_aliases(board)
    receipt = await erases(board, somebody)

    async def led_to() -> dict[str, UUID | None]:
        async with board.sessions() as session:
            return {one.audience: one.erasure_id for one in await erasure.told(session, receipt)}

    assert await led_to() == {"events": None, "forum": None, "notifications": None}
    await board.say_endings()
    (forum,) = await board.published(IDENTITY_AUDIENCES["forum"])
    assert await led_to() == {
        "events": None,
        "forum": UUID(forum.payload["erasure_id"]),
        "notifications": None,
    }
    await heard_over(board, time, timedelta(days=7), timedelta(hours=1))
    assert {audience for audience, known in (await led_to()).items() if known} == {"forum"}


async def test_the_receipt_shows_who_was_told_for_ninety_days(board: Board, time: SettableClock) -> None:
    somebody, _ = await somebody_with_aliases(board)
    receipt = await erases(board, somebody)
    await board.say_endings()

    async def told(typed: str) -> dict[str, bool]:
        async with board.sessions() as session:
            return {one.audience: one.on is not None for one in await erasure.told(session, typed)}

    assert await told(receipt) == {"events": False, "forum": True, "notifications": False}
    assert await told(f" {receipt.lower().replace('-', ' ')}") == await told(receipt)
    assert await told("0000-0000-0000-0000") == {}
    await heard_over(board, time, timedelta(days=7), timedelta(minutes=30))
    assert await told(receipt) == {"events": True, "forum": True, "notifications": True}
    time.move(timedelta(days=84))
    assert await told(receipt) == {}
    async with board.sessions.begin() as session:
        await erasure.forget_receipts(session)
    assert not await board.fetch("SELECT 1 FROM erasure_receipts")


async def test_the_receipt_stands_nowhere(board: Board) -> None:
    somebody, _ = await somebody_with_aliases(board)
    receipt = await erases(board, somebody)
    rows = await board.fetch("SELECT receipt_hash FROM erasure_receipts")
    assert all(receipt.replace("-", "").encode() not in row.receipt_hash for row in rows)


async def test_leaving_twice_is_refused(board: Board) -> None:
    somebody, _ = await somebody_with_aliases(board)
    await erases(board, somebody)
    with pytest.raises(addresses.ParticipantGone):
        await erases(board, somebody)


async def test_closing_is_told_within_a_day_and_keeps_the_aliases(board: Board, time: SettableClock) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    async with board.sessions.begin() as session:
        await erasure.close(session, somebody)
    heard = await heard_over(board, time, timedelta(days=1), timedelta(minutes=30))
    assert {row.key for row in heard} == {str(aliases[a]) for a in ("forum", "events", "notifications")}
    assert all(row.payload["closed"] is True and row.payload["erased"] is False for row in heard)
    async with board.sessions() as session:
        assert await addresses.participant_of(session, "forum", aliases["forum"]) == somebody


async def test_whoever_is_erased_before_the_closing_was_told_stays_erased(
    board: Board, time: SettableClock
) -> None:
    somebody, aliases = await somebody_with_aliases(board)
    async with board.sessions.begin() as session:
        await erasure.close(session, somebody)
    await erases(board, somebody)
    heard = await heard_over(board, time, timedelta(days=7, hours=1), timedelta(minutes=30))
    assert {row.key for row in heard} == {str(aliases[a]) for a in ("forum", "events", "notifications")}
    assert all(row.payload["erased"] is True for row in heard)
