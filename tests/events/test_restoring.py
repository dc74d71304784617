"""What a restored database of events takes from its own records."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.use_cases import restoring
from shared import clock
from shared.contracts.payloads.events import GatheringRecorded
from tests.events.conftest import Events

TABLES = ("gatherings", "answers", "called_names")


async def _cafe(events: Events, community: UUID) -> UUID:
    [cafe] = await events.person("consultant", community).plan()
    member = events.member(community)
    await member.answer(cafe, "come")
    await member.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)
    return cafe


async def _within(events: Events, act: Any) -> None:
    async with events.app.state.sessions() as session, session.begin():
        await act(session)


async def _counted(events: Events) -> dict[str, int]:
    return {
        table: (await events.rows(f"SELECT count(*) AS rows FROM {table}"))[0]["rows"] for table in TABLES
    }


async def test_a_cafe_that_was_erased_since_goes_with_all_that_is_about_it(events: Events) -> None:
    community = await events.community()
    stays, goes = await _cafe(events, community), await _cafe(events, community)
    records = {
        cafe: GatheringRecorded(id=cafe, home="north", version=version, erased=True, community_id=community)
        for cafe, version in ((stays, 1), (goes, 2**62))
    }

    async def take(session: AsyncSession) -> None:
        missing = await restoring.take_gatherings(session, list(records.values()), "north", clock.now())
        assert not missing

    await _within(events, take)
    assert await _counted(events) == {"gatherings": 1, "answers": 1, "called_names": 1}
    assert [row["id"] for row in await events.rows("SELECT id FROM gatherings")] == [stays]


async def test_no_name_to_be_called_by_comes_out_of_a_backup(events: Events) -> None:
    await _cafe(events, await events.community())
    await _within(events, restoring.forget_names)
    assert await _counted(events) == {"gatherings": 1, "answers": 1, "called_names": 0}
