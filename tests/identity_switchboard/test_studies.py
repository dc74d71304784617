"""What becomes of a study's aliases, and what leaves identity when it is closed."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.identity.switchboard import enrolments, studies
from services.identity.switchboard.enrolments import Enrolment
from services.identity.switchboard.journeys import counts_of
from shared.clock import SettableClock
from shared.contracts.payloads.activity import CafeAttended, PostWritten
from shared.contracts.topics import ACTIVITY, ENGAGEMENT, JOURNEYS, STUDY_ALIASES
from shared.due import in_batches
from tests.identity_switchboard.conftest import NOON, Board, fact
from tests.locks import waited_for

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


def enrolled(forum: int | None = None, cafe: int | None = None) -> Enrolment:
    """Somebody whose first acts were on these days of March."""
    days = {"forum": forum, "events": cafe}
    return Enrolment(
        uuid4(),
        uuid4(),
        NOON,
        {},
        {where: date(2026, 3, day) for where, day in days.items() if day is not None},
    )


async def withdraws(board: Board, participant: UUID) -> None:
    async with board.sessions.begin() as session:
        await session.execute(
            text("UPDATE participants SET research = false WHERE id = :id"), {"id": participant}
        )
        await studies.withdraw(session, participant)


async def test_withdrawing_erases_each_study_alias_at_its_own_time_within_a_week(
    board: Board, time: SettableClock
) -> None:
    people, study = [await board.joins() for _ in range(10)], uuid4()
    await board.study(study)
    time.move(HOUR)
    await board.release_acts()
    await board.clear()
    for somebody in people:
        await withdraws(board, somebody)
    said: list[tuple[str, str, float]] = []
    for minute in range(0, 7 * 24 * 60, 30):
        time.move(timedelta(minutes=30))
        if await board.say_endings():
            said += [(row.topic, row.key, float(minute)) for row in await board.published()]
            for row in await board.published():
                assert row.payload["erased"] is True
                assert row.payload["study_id"] == str(study)
            await board.clear()
    assert len({key for _, key, _ in said}) == len(said) == 30
    assert {topic for topic, _, _ in said} == {topic.name for topic in STUDY_ALIASES.values()}
    moments = {minute for _, _, minute in said}
    assert len(moments) > 15  # together they would be one
    assert not await board.fetch("SELECT 1 FROM endings_due")


async def test_what_piled_up_while_identity_was_away_isnt_said_at_one_moment(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    await withdraws(board, somebody)
    time.move(timedelta(days=9))
    await board.say_endings()
    assert await board.published() == []
    moments = []
    for _ in range(24 * 6 + 1):
        time.move(timedelta(minutes=10))
        await board.say_endings()
        if published := await board.published():
            moments.append(len(published))
            await board.clear()
    assert sum(moments) == 3


async def test_an_ending_is_sealed_until_it_is_said(board: Board) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    await withdraws(board, somebody)
    rows = await board.fetch("SELECT e::text AS line FROM endings_due e")
    assert len(rows) == 3
    for row in rows:
        assert str(study) not in row.line
        assert str(somebody) not in row.line


async def test_consenting_again_gives_other_aliases(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    time.move(HOUR)
    await board.release_acts()
    await withdraws(board, somebody)
    async with board.sessions.begin() as session:
        await session.execute(text("UPDATE participants SET research = true"))
        await enrolments.enrol(session, somebody)
    time.move(timedelta(days=31))
    await board.release_acts()
    members = [row.key for row in await board.published(ENGAGEMENT["membership"])]
    assert len(set(members)) == len(members) == 2


async def test_the_opening_neither_misses_who_joins_nor_enrols_who_withdraws_at_that_moment(
    board: Board,
) -> None:
    somebody, study = await board.joins(), uuid4()
    stays = await board.joins()
    async with board.sessions() as withdrawing:
        await withdrawing.execute(
            text("UPDATE participants SET research = false WHERE id = :id"), {"id": somebody}
        )
        await studies.withdraw(withdrawing, somebody)
        opening = asyncio.create_task(board.study(study))
        joining = asyncio.create_task(board.joins())
        await waited_for(withdrawing)
        assert not opening.done()
        await withdrawing.commit()
        await opening
        newcomer = await joining
    rows = await board.fetch("SELECT participant_id FROM study_enrolments")
    assert {row.participant_id for row in rows} == {stays, newcomer}


async def test_a_large_study_enrols_in_batches_and_nothing_counts_or_is_counted_before_all_are_in(
    board: Board, time: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolments, "BATCH", 2)
    people, study = [await board.joins() for _ in range(5)], uuid4()
    await board.study(study)
    assert len(await board.fetch("SELECT 1 FROM study_enrolments")) == 2

    forum = {somebody: await board.alias(somebody, "forum") for somebody in people}
    for alias in forum.values():
        await board.hears_acts("forum", fact(ACTIVITY["forum"], alias, PostWritten()))
    time.move(HOUR)
    assert await board.release_acts() == 0
    await board.study(study, "closed", closed_at=NOON)
    time.move(timedelta(minutes=61))
    assert await board.settle() == 0

    enrolled = {
        row.participant_id for row in await board.fetch("SELECT participant_id FROM study_enrolments")
    }
    gone = next(somebody for somebody in people if somebody not in enrolled)
    await withdraws(board, gone)
    late = await board.joins()
    await in_batches(board.sessions, enrolments.enrol_some)
    rows = await board.fetch("SELECT participant_id FROM study_enrolments")
    assert sorted(row.participant_id for row in rows) == sorted({*people, late} - {gone})

    time.move(HOUR)
    assert await board.release_acts() > 0
    assert len(await board.published(ENGAGEMENT["forum"])) == 4
    assert len(await board.published(ENGAGEMENT["membership"])) == 4, (
        "who came after the closing doesn't count"
    )
    time.move(HOUR)
    assert await board.settle() + await board.settle() == 1


async def test_a_closed_study_is_counted_once_all_its_acts_have_left(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    forum = await board.alias(somebody, "forum")
    time.move(timedelta(minutes=40))
    await board.hears_acts("forum", fact(ACTIVITY["forum"], forum, PostWritten()))
    await board.study(study, "closed", closed_at=time.at)
    assert await board.settle() == 0  # other services' outboxes may still hold acts
    time.move(timedelta(minutes=30))
    assert await board.settle(drained=False) == 0
    late = fact(ACTIVITY["forum"], forum, PostWritten(), at=NOON + timedelta(minutes=39))
    await board.hears_acts("forum", late)
    assert await board.settle() == 0
    time.move(timedelta(minutes=30))
    assert await board.settle() == 0  # what was handled last is still held
    await board.release_acts()
    time.move(timedelta(minutes=30))
    await board.release_acts()
    assert await board.settle() == 1
    assert await board.settle() == 0
    (counted,) = await board.published(JOURNEYS)
    assert counted.payload["rows"] == {"membership": 1, "forum": 2, "events": 0}
    assert len(await board.published(ENGAGEMENT["forum"])) == 2


async def test_other_acts_that_go_on_dont_keep_a_study_from_being_counted(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    forum = await board.alias(somebody, "forum")
    time.move(timedelta(seconds=1))
    await board.study(study, "closed", closed_at=time.at)
    counted = 0
    for _ in range(9):
        time.move(timedelta(minutes=20))
        await board.hears_acts("forum", fact(ACTIVITY["forum"], forum, PostWritten()))
        await board.release_acts()
        counted += await board.settle()
    assert counted == 1
    assert len(await board.published(ENGAGEMENT["forum"])) == 0


async def test_after_counting_identity_keeps_no_days_but_can_still_erase(
    board: Board, time: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, study = [await board.joins() for _ in range(4)], uuid4()
    await board.study(study)
    monkeypatch.setattr(enrolments, "BATCH", 2)
    for somebody in people:
        forum = await board.alias(somebody, "forum")
        await board.hears_acts("forum", fact(ACTIVITY["forum"], forum, PostWritten()))
    time.move(HOUR)
    await board.release_acts()
    await board.study(study, "closed", closed_at=time.at)
    time.move(HOUR)
    assert await board.settle() == 1
    async with board.sessions() as session:
        kept = await enrolments.in_study(session, study)
    assert [one.seen for one in kept] == [{}] * 4
    await withdraws(board, people[0])
    assert len(await board.fetch("SELECT 1 FROM endings_due")) == 3


async def test_a_study_that_analytics_erased_takes_its_aliases_along(
    board: Board, time: SettableClock
) -> None:
    await board.joins()
    study = uuid4()
    await board.study(study)
    time.move(HOUR)
    await board.study(study, "closed", erased=True)
    assert not await board.fetch("SELECT 1 FROM study_enrolments")


async def test_an_older_word_of_a_study_changes_nothing(board: Board, time: SettableClock) -> None:
    study = uuid4()
    await board.study(study, "closed", closed_at=NOON, version=20)
    await board.study(study, "open", version=10)
    (row,) = await board.fetch("SELECT status FROM studies")
    assert row.status == "closed"


def test_people_are_counted_by_where_they_were_seen_and_where_first() -> None:
    people = [
        *(enrolled() for _ in range(8)),
        *(enrolled(forum=1) for _ in range(9)),
        *(enrolled(cafe=1) for _ in range(10)),
        *(enrolled(forum=1, cafe=2) for _ in range(11)),
        *(enrolled(forum=2, cafe=1) for _ in range(12)),
        *(enrolled(forum=2, cafe=2) for _ in range(13)),
    ]
    assert counts_of(people) == {
        "membership_only": 8,
        "forum_only": 9,
        "cafes_only": 10,
        "forum_and_cafes": 36,
        "forum_first": 11,
        "cafe_first": 12,
        "same_day": 13,
    }


def test_the_table_of_where_first_doesnt_leave_without_the_table_it_divides() -> None:
    people = [
        *(enrolled() for _ in range(3)),
        *(enrolled(forum=1) for _ in range(20)),
        *(enrolled(cafe=1) for _ in range(20)),
        *(enrolled(forum=1, cafe=2) for _ in range(9)),
        *(enrolled(forum=2, cafe=1) for _ in range(10)),
        *(enrolled(forum=2, cafe=2) for _ in range(11)),
    ]
    assert counts_of(people) == {}


async def test_of_two_studies_with_a_community_in_common_only_one_is_told_of(
    board: Board, time: SettableClock
) -> None:
    people = [await board.joins() for _ in range(33)]
    first, second, elsewhere = uuid4(), uuid4(), uuid4()
    await board.study(elsewhere, communities=(uuid4(),))
    await board.study(first)
    await board.study(second, communities=(board.community, uuid4()))
    for somebody in people[:16]:
        forum = await board.alias(somebody, "forum")
        await board.hears_acts("forum", fact(ACTIVITY["forum"], forum, PostWritten()))
    for somebody in people[8:24]:
        guest = await board.alias(somebody, "events")
        came = CafeAttended(day=NOON.date())
        await board.hears_acts("events", fact(ACTIVITY["events"], guest, came))
    time.move(HOUR)
    await board.release_acts()
    told = []
    for study in (elsewhere, first, second):
        await board.study(study, "closed", closed_at=time.at)
        time.move(HOUR)
        assert await board.settle() == 1
        told.append((await board.published(JOURNEYS))[-1].payload["counts"])
    seen = {"membership_only": 9, "forum_only": 8, "cafes_only": 8, "forum_and_cafes": 8}
    assert told == [{}, seen, {}]


def test_a_table_with_a_small_cell_doesnt_leave() -> None:
    people = [
        *(enrolled() for _ in range(7)),
        *(enrolled(forum=1) for _ in range(29)),
        *(enrolled(cafe=1) for _ in range(29)),
        *(enrolled(forum=1, cafe=2) for _ in range(29)),
    ]
    assert counts_of(people) == {}


async def test_an_erased_study_stays_where_it_was_and_enrols_nobody(
    board: Board, time: SettableClock
) -> None:
    known, unheard = uuid4(), uuid4()
    await board.joins()
    await board.study(known)
    await board.study(known, "closed", version=2**62, erased=True, communities=(), closed_at=NOON)
    await board.study(unheard, "closed", version=2**62, erased=True, closed_at=NOON)
    rows = await board.fetch("SELECT id, erased, enrolling, communities FROM studies")
    assert {row.id: (row.erased, row.communities) for row in rows} == {
        study: (True, [board.community]) for study in (known, unheard)
    }
    assert not any(row.enrolling for row in rows)
    assert not await board.fetch("SELECT 1 FROM study_enrolments")
