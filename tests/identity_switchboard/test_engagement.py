"""Acts of consenting members become engagement of their studies, by day, under study aliases."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.identity.switchboard import engagement, enrolments, studies
from shared.clock import SettableClock
from shared.contracts.payloads.activity import CafeAttended, PostWritten, ThreadViewed
from shared.contracts.topics import ACTIVITY, ENGAGEMENT
from tests.identity_switchboard.conftest import NOON, Board, Published, fact

FORUM, EVENTS = ACTIVITY["forum"], ACTIVITY["events"]
TODAY = date(2026, 3, 2)
LONGEST = timedelta(hours=1)


async def posts(board: Board, participant: UUID, *, at: datetime | None = None) -> None:
    """The participant wrote a post."""
    alias = await board.alias(participant, "forum")
    await board.hears_acts("forum", fact(FORUM, alias, PostWritten(), at=at))


async def engagement_of(board: Board, study: UUID) -> list[Published]:
    """Engagement published for a study, memberships left out."""
    return [
        row
        for row in await board.published(ENGAGEMENT["forum"], ENGAGEMENT["events"])
        if row.payload["study_id"] == str(study)
    ]


async def test_acts_leave_under_a_study_alias_of_their_source(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    forum, events = await board.alias(somebody, "forum"), await board.alias(somebody, "events")
    time.move(timedelta(minutes=5))
    await board.hears_acts("forum", fact(FORUM, forum, PostWritten()), fact(FORUM, forum, ThreadViewed()))
    await board.hears_acts("events", fact(EVENTS, events, CafeAttended(day=TODAY)))
    time.move(LONGEST)
    await board.release_acts()
    published = await board.published(*ENGAGEMENT.values())
    assert sorted((row.topic.split(".")[2], row.payload["kind"]) for row in published) == [
        ("events", "attendance"),
        ("forum", "post"),
        ("forum", "view"),
        ("membership", "member"),
    ]
    assert {row.payload["day"] for row in published} == {"2026-03-02"}
    aliases = {row.topic: row.key for row in published}
    assert len(set(aliases.values())) == 3
    assert not set(aliases.values()) & {str(forum), str(events), str(somebody)}


async def test_an_act_waits_half_the_longest_hold_and_never_longer_than_all_of_it(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    time.move(LONGEST)
    await board.release_acts()
    await board.clear()
    for minute in range(0, 60, 7):
        await posts(board, somebody)
        time.move(timedelta(minutes=29, seconds=59))
        assert await board.release_acts() == 0, minute
        time.move(timedelta(minutes=30, seconds=1))
        assert await board.release_acts() == 1, minute
        time.move(timedelta(minutes=7))


async def test_the_timestamp_is_the_days_not_the_releases(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    time.move(timedelta(hours=10, minutes=50))  # 23:50 in Oslo
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    (late,) = await engagement_of(board, study)
    assert late.payload["day"] == "2026-03-02"
    await board.clear()
    await posts(board, somebody)  # 00:50 on Tuesday in Oslo, still Monday in UTC
    time.move(LONGEST)
    await board.release_acts()
    (early,) = await engagement_of(board, study)
    assert early.payload["day"] == "2026-03-03"
    assert early.occurred_at - late.occurred_at == timedelta(days=1)
    assert early.occurred_at < time.at  # Kafka refuses times more than an hour ahead
    assert (early.occurred_at.hour, early.occurred_at.minute) == (0, 0)


async def test_only_acts_between_opening_and_closing_count(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    closed_at = NOON + timedelta(hours=2)
    await board.study(study)
    for at in (
        NOON - timedelta(milliseconds=1),
        NOON,
        NOON + timedelta(hours=1),
        closed_at,
        closed_at + timedelta(milliseconds=1),
    ):
        time.at = max(time.at, at)
        await posts(board, somebody, at=at)
    await board.study(study, "closed", closed_at=closed_at)
    time.move(LONGEST)
    await board.release_acts()
    assert len(await engagement_of(board, study)) == 3


async def test_an_act_that_outran_word_of_its_study_counts(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await posts(board, somebody)
    time.move(timedelta(minutes=29))
    await board.release_acts()
    await board.study(study)
    time.move(timedelta(minutes=31))
    await board.release_acts()
    assert len(await engagement_of(board, study)) == 1


async def test_attendance_counts_by_its_day_and_until_the_study_is_counted(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    events = await board.alias(somebody, "events")
    days = [TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)]
    time.move(timedelta(hours=1))
    await board.study(study, "closed", closed_at=time.at)
    await board.hears_acts("events", *(fact(EVENTS, events, CafeAttended(day=day)) for day in days))
    time.move(LONGEST)
    await board.release_acts()
    assert [row.payload["day"] for row in await engagement_of(board, study)] == ["2026-03-02"]
    await board.clear()
    await board.settle()
    assert await board.settle() == 0
    await board.hears_acts("events", fact(EVENTS, events, CafeAttended(day=TODAY)))
    time.move(LONGEST)
    await board.release_acts()
    assert await engagement_of(board, study) == []


@pytest.mark.parametrize("role", ["consultant", "provider", "analyst", "operator"])
async def test_only_members_count(board: Board, time: SettableClock, role: str) -> None:
    somebody, study = await board.joins(role), uuid4()
    await board.study(study)
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    assert await board.published() == []


async def test_without_consent_nothing_is_even_held(board: Board) -> None:
    somebody, study = await board.joins(research=False), uuid4()
    await board.study(study)
    await posts(board, somebody)
    assert not await board.fetch("SELECT 1 FROM acts_held")


async def test_other_communities_studies_dont_count_a_member(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(community=uuid4()), uuid4()
    await board.study(study)
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    assert await board.published() == []


async def test_two_open_studies_each_get_the_act_under_their_own_alias(
    board: Board, time: SettableClock
) -> None:
    somebody, one, other = await board.joins(), uuid4(), uuid4()
    await board.study(one)
    await board.study(other)
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    (first,), (second,) = await engagement_of(board, one), await engagement_of(board, other)
    assert first.key != second.key
    assert first.event_id != second.event_id


async def test_an_alias_of_the_other_source_is_refused(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    forum, events = await board.alias(somebody, "forum"), await board.alias(somebody, "events")
    await board.hears_acts("forum", fact(FORUM, events, PostWritten()))
    await board.hears_acts("events", fact(EVENTS, forum, CafeAttended(day=TODAY)))
    time.move(LONGEST)
    await board.release_acts()
    assert await engagement_of(board, study) == []


async def test_an_act_delivered_twice_counts_once(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    act = fact(FORUM, await board.alias(somebody, "forum"), PostWritten())
    await board.hears_acts("forum", act, act._replace(offset=1))
    await board.hears_acts("forum", act)
    time.move(LONGEST)
    await board.release_acts()
    await board.hears_acts("forum", act)
    time.move(LONGEST)
    await board.release_acts()
    assert len(await engagement_of(board, study)) == 1


async def test_a_crash_between_handling_and_release_loses_nothing(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    await posts(board, somebody)
    time.move(LONGEST)
    async with board.sessions() as session:  # a release that never commits
        assert await engagement.release(session, board.switchboard) == 2
        await session.rollback()
    assert await board.published() == []
    await board.release_acts()
    assert len(await engagement_of(board, study)) == 1


async def test_whoever_joins_or_consents_later_counts_from_then_on(board: Board, time: SettableClock) -> None:
    study = uuid4()
    await board.study(study)
    time.move(timedelta(minutes=10))
    somebody = await board.joins()
    await posts(board, somebody, at=NOON + timedelta(minutes=9))
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    assert len(await engagement_of(board, study)) == 1


async def members(board: Board) -> list[tuple[str, str]]:
    """Kind and day of every membership that was told."""
    told = await board.published(ENGAGEMENT["membership"])
    assert len({row.key for row in told}) == len(told)
    return [(row.payload["kind"], row.payload["day"]) for row in told]


async def test_whoever_joins_later_is_told_of_with_all_others_of_the_month(
    board: Board, time: SettableClock
) -> None:
    await board.study(uuid4())
    for _ in range(3):
        time.move(timedelta(days=7))
        await board.joins()
        await board.release_acts()
    time.move(datetime(2026, 4, 1, 11, 59, tzinfo=UTC) - time.at)
    await board.release_acts()
    assert await members(board) == []
    time.move(LONGEST)
    await board.release_acts()
    assert await members(board) == [("member", "2026-04-01")] * 3


async def test_a_closing_tells_of_all_who_joined_before_it_and_nobody_else(
    board: Board, time: SettableClock
) -> None:
    study = uuid4()
    await board.study(study)
    time.move(timedelta(days=7))
    await board.joins()
    time.move(LONGEST)
    closed_at = time.at
    time.move(timedelta(seconds=1))
    await board.joins()  # before word of the closing came
    await board.study(study, "closed", closed_at=closed_at)
    time.move(LONGEST)
    await board.release_acts()
    assert await members(board) == [("member", "2026-03-09")]
    assert await board.settle() == 1
    time.move(timedelta(days=31))
    await board.release_acts()
    assert len(await members(board)) == 1


async def test_withdrawing_and_consenting_again_within_a_month_counts_once(
    board: Board, time: SettableClock
) -> None:
    await board.study(uuid4())
    somebody = await board.joins()
    for consents in (False, True):
        async with board.sessions.begin() as session:
            await session.execute(text("UPDATE participants SET research = :yes"), {"yes": consents})
            await (enrolments.enrol if consents else studies.withdraw)(session, somebody)
    time.move(timedelta(days=31))
    assert await board.release_acts() == 2
    assert await members(board) == [("member", "2026-04-01")]


async def test_the_opening_enrols_everybody_who_consents(board: Board, time: SettableClock) -> None:
    for _ in range(3):
        await board.joins()
    await board.joins(research=False)
    await board.joins("consultant")
    study = uuid4()
    await board.study(study)
    await board.study(study)  # told again
    time.move(LONGEST)
    await board.release_acts()
    members = await board.published(ENGAGEMENT["membership"])
    assert len({row.key for row in members}) == len(members) == 3


async def test_a_study_counts_only_the_sources_it_was_approved_for(board: Board, time: SettableClock) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study, sources=("events",))
    await posts(board, somebody)
    time.move(LONGEST)
    await board.release_acts()
    assert await board.published() == []


async def test_what_was_held_when_consent_was_withdrawn_never_leaves(
    board: Board, time: SettableClock
) -> None:
    somebody, study = await board.joins(), uuid4()
    await board.study(study)
    await posts(board, somebody)
    async with board.sessions.begin() as session:
        await studies.withdraw(session, somebody)
    time.move(LONGEST)
    await board.release_acts()
    assert await board.published() == []


async def test_a_held_act_doesnt_tell_whose_it_is(board: Board) -> None:
    somebody = await board.joins()
    await posts(board, somebody)
    forum = await board.alias(somebody, "forum")
    (row,) = await board.fetch("SELECT a::text AS line, participant_sealed FROM acts_held a")
    for telling in (somebody, forum):
        assert str(telling) not in row.line
        assert telling.hex not in row.line
        assert telling.bytes not in row.participant_sealed
