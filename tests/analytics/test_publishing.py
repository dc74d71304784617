"""What everyone may read: once, when all that was counted has arrived, and never again."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.use_cases import restoring
from services.analytics.use_cases.engagement import Act
from shared import clock
from shared.contracts.payloads.analytics import StudyRecorded, SummaryPublished
from shared.contracts.topics import STUDIES
from tests.analytics.conftest import HOME, Analytics


async def live_through(
    analytics: Analytics, study: UUID, communities: list[UUID], *, members: int = 29, writers: int = 19
) -> None:
    """A small ReConnect: everybody views, `writers` write, seventeen come, two cafés in each community."""
    day = analytics.today
    people = [uuid4() for _ in range(members)]
    await analytics.receive("membership", *[Act(uuid4(), study, "member", day) for _ in people])
    await analytics.receive("forum", *[Act(alias, study, "view", day) for alias in people for _ in range(3)])
    await analytics.receive("forum", *[Act(alias, study, "post", day) for alias in people[:writers]] * 2)
    await analytics.receive("events", *[Act(uuid4(), study, "attendance", day) for _ in range(17)])
    for community in communities:
        await analytics.hold_cafe(community, 3)
        await analytics.hold_cafe(community, 9)


async def published(analytics: Analytics, study: UUID) -> dict[str, Any]:
    answer = await analytics.call("GET", f"/studies/{study}/published")
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def close(analytics: Analytics, study: UUID, *, members: int = 29, writers: int = 19) -> None:
    await analytics.close_study(study)
    await analytics.count_journeys(study, membership=members, forum=members * 3 + writers * 2, events=17)
    assert await analytics.complete_closings() == 1


async def test_everyone_reads_the_published_figures_and_never_the_extremes(analytics: Analytics) -> None:
    communities = [uuid4(), uuid4()]
    study = await analytics.open_study(communities)
    await live_through(analytics, study, communities)
    assert (await analytics.call("GET", f"/studies/{study}/published")).status_code == 404
    await close(analytics, study)
    assert await published(analytics, study) == {
        "members": 29,
        "posts": 38,
        "views": 87,
        "members_who_viewed": 29,
        "members_who_wrote": 19,
        "cafes": 4,
        "cafes_by_community": [2, 2],
        "members_who_came": 17,
        "smallest_cafe": None,
        "largest_cafe": None,
    }
    assert (await analytics.call("GET", f"/studies/{study}", role="analyst")).json()["status"] == "closed"
    journeys = await analytics.call("GET", f"/studies/{study}/journeys", role="analyst")
    assert journeys.json() == {"counts": {"read and came": 9}}


async def test_a_closing_waits_until_every_record_has_arrived(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()])
    await analytics.receive("forum", Act(uuid4(), study, "view", analytics.today))
    await analytics.close_study(study)
    assert await analytics.complete_closings() == 0  # identity hasn't said how many
    await analytics.count_journeys(study, membership=0, forum=2, events=0)
    assert await analytics.complete_closings() == 0
    await analytics.receive("forum", Act(uuid4(), study, "view", analytics.today))
    assert await analytics.complete_closings() == 1
    assert await analytics.complete_closings() == 0


async def test_an_erasure_on_the_way_does_not_hold_up_a_closing(analytics: Analytics) -> None:
    study, alias = await analytics.open_study([uuid4()]), uuid4()
    await analytics.receive("forum", Act(alias, study, "view", analytics.today))
    await analytics.close_study(study)
    await analytics.erase((alias, study, "forum"))
    await analytics.count_journeys(study, forum=1)
    assert await analytics.complete_closings() == 1


async def test_what_is_published_stays_as_it_was_made(analytics: Analytics) -> None:
    communities = [uuid4()]
    study = await analytics.open_study(communities)
    await live_through(analytics, study, communities)
    await close(analytics, study)
    before = await published(analytics, study)
    await analytics.receive("forum", *[Act(uuid4(), study, "view", analytics.today) for _ in range(50)])
    await analytics.hold_cafe(communities[0], 12)
    await analytics.complete_closings()
    assert await published(analytics, study) == before
    with pytest.raises(DBAPIError, match="made once"):
        await analytics.within(lambda session: session.execute(text("UPDATE publications SET since = until")))


async def test_the_summary_goes_out_figure_by_figure_without_any_community(analytics: Analytics) -> None:
    communities = [uuid4(), uuid4()]
    study = await analytics.open_study(communities)
    await live_through(analytics, study, communities)
    await close(analytics, study)
    found = await analytics.rows_of(
        "SELECT key, payload FROM outbox WHERE topic = 'shared.engagement.summary.v1'"
    )
    records = [SummaryPublished.model_validate_json(row.payload) for row in found]
    period = f"{analytics.today}--{analytics.today}"
    assert {record.metric: record.value for record in records} == {
        "members": 29,
        "posts": 38,
        "views": 87,
        "members_who_viewed": 29,
        "members_who_wrote": 19,
        "cafes": 4,
        "cafes_by_community/1": 2,
        "cafes_by_community/2": 2,
        "members_who_came": 17,
        "smallest_cafe": None,
        "largest_cafe": None,
    }
    assert {row.key for row in found} == {f"north:{study}:{period}:{record.metric}" for record in records}
    assert not [row for row in found if any(str(community) in str(row.payload) for community in communities)]


async def test_a_group_of_a_few_is_left_out(analytics: Analytics) -> None:
    communities = [uuid4()]
    study = await analytics.open_study(communities)
    await live_through(analytics, study, communities, writers=5)
    await close(analytics, study, writers=5)
    made = await published(analytics, study)
    assert (made["members_who_wrote"], made["posts"]) == (None, None)
    assert (made["members"], made["views"]) == (29, 87)


async def test_a_second_study_of_the_same_people_tells_no_difference_of_a_few(analytics: Analytics) -> None:
    communities = [uuid4(), uuid4()]
    for members, expected in ((29, 29), (27, None), (60, 60)):
        study = await analytics.open_study(communities)
        await live_through(analytics, study, communities, members=members)
        await close(analytics, study, members=members)
        made = await published(analytics, study)
        assert made["members"] == expected
        assert (made["posts"] is None) == (members != 29)
        communities.reverse()


async def test_a_study_lost_with_its_database_is_still_told_apart_from_the_next(analytics: Analytics) -> None:
    """It was proposed and published after the backup; its last word is its own record, or that it was erased."""
    for lost_before in (False, True):
        communities = [uuid4(), uuid4()]
        study = uuid4()
        record = StudyRecorded(
            id=study,
            home=HOME,
            version=5,
            erased=lost_before,
            communities=tuple(communities),
            status="closed",
        )
        said = [
            SummaryPublished(
                id=f"{HOME}:{study}:2026-01-01--2026-01-31:{metric}",
                home=HOME,
                version=6,
                study_id=study,
                period="2026-01-01--2026-01-31",
                metric=metric,
                value=value,
            )
            for metric, value in {"members": 29, "cafes_by_community/1": 2}.items()
        ]

        async def take(
            session: AsyncSession, said: Any = said, record: Any = record
        ) -> list[SummaryPublished]:
            for _ in range(2):
                await restoring.publish_no_study_twice(session, said, {record.id: record})
            await restoring.erase_lost(session, [record], HOME, clock.now())
            return [
                one for one in await restoring.summaries(HOME, session, None, 1) if one.study_id == record.id
            ]

        again = await analytics.within(take)
        assert {one.id: one.value for one in again if one.value is not None} == {
            one.id: one.value for one in said
        }
        gone = await analytics.rows_of(
            "SELECT payload FROM outbox WHERE topic = :topic AND key = :key",
            topic=STUDIES.name,
            key=str(study),
        )
        records = [StudyRecorded.model_validate_json(row.payload) for row in gone]
        assert [(one.erased, one.communities) for one in records] == (
            [] if lost_before else [(True, tuple(communities))]
        )
        second = await analytics.open_study(communities[:1])
        await live_through(analytics, second, communities[:1])
        await close(analytics, second)
        assert (await published(analytics, second))["members"] is None


async def test_a_study_of_a_part_of_the_communities_tells_nothing_about_people(analytics: Analytics) -> None:
    whole = [uuid4(), uuid4()]
    for communities, members in ((whole, 40), (whole[:1], 20), ([uuid4()], 20)):
        study = await analytics.open_study(communities)
        await live_through(analytics, study, communities, members=members)
        await close(analytics, study, members=members)
        made = await published(analytics, study)
        told = {name for name, value in made.items() if value is not None}
        assert ("members" in told) == (communities != whole[:1])
        if communities == whole[:1]:
            assert told == {"cafes", "cafes_by_community"}


async def test_a_figure_the_study_did_not_ask_for_is_not_published(analytics: Analytics) -> None:
    communities = [uuid4()]
    study = await analytics.open_study(communities, fields=["members", "cafes"])
    await live_through(analytics, study, communities)
    await close(analytics, study)
    made = await published(analytics, study)
    assert {name for name, value in made.items() if value not in (None, [None])} == {"members", "cafes"}
    assert json.dumps(made["cafes_by_community"]) == "[null]"
