"""Acts under study aliases: counted once, only those asked for, and gone for good when an alias is erased."""

import asyncio
import json
from collections import Counter
from datetime import date, timedelta
from uuid import UUID, uuid4

from services.analytics.use_cases.engagement import Act
from shared.contracts.payloads.analytics import ResearchRow
from tests.analytics.conftest import Analytics


def acts(alias: UUID, study: UUID, kind: str, day: date, times: int = 1) -> list[Act]:
    return [Act(alias, study, kind, day)] * times  # type: ignore[arg-type]


async def research_rows(analytics: Analytics, study: UUID) -> list[ResearchRow]:
    found = await analytics.rows_of(
        "SELECT payload FROM outbox WHERE topic = :topic ORDER BY seq", topic=f"local.research.{study}.v1"
    )
    return [ResearchRow.model_validate_json(row.payload) for row in found]


async def test_the_figures_are_what_was_received(analytics: Analytics) -> None:
    here, there, elsewhere = uuid4(), uuid4(), uuid4()
    study = await analytics.open_study([here, there])
    readers, writer, guest = [uuid4() for _ in range(3)], uuid4(), uuid4()
    day = analytics.today
    await analytics.receive("membership", *[Act(uuid4(), study, "member", day) for _ in range(5)])
    await analytics.receive("forum", *acts(writer, study, "post", day, 4), *acts(writer, study, "view", day))
    for reader in readers:
        await analytics.receive("forum", *acts(reader, study, "view", day, 2))
    await analytics.receive("events", *acts(guest, study, "attendance", day, 2))
    await analytics.hold_cafe(here, 3)
    await analytics.hold_cafe(here, 7)
    await analytics.hold_cafe(there, 5)
    await analytics.hold_cafe(elsewhere, 40)
    assert await analytics.figures(study) == {
        "members": 5,
        "posts": 4,
        "views": 7,
        "members_who_viewed": 4,
        "members_who_wrote": 1,
        "cafes": 3,
        "cafes_by_community": [2, 1],
        "members_who_came": 1,
        "smallest_cafe": 3,
        "largest_cafe": 7,
    }


async def test_a_cafe_called_off_or_yet_to_come_or_of_another_time_is_not_counted(
    analytics: Analytics,
) -> None:
    community = uuid4()
    study = await analytics.open_study([community])
    await analytics.hold_cafe(community, 1, cancelled=True)
    await analytics.hold_cafe(community, None, day=analytics.today + timedelta(days=1))
    await analytics.hold_cafe(community, 2, day=analytics.today - timedelta(days=1))
    await analytics.hold_cafe(community, 2, erased=True)
    kept = await analytics.hold_cafe(community, None)
    figures = await analytics.figures(study)
    assert (figures["cafes"], figures["smallest_cafe"], figures["largest_cafe"]) == (1, None, None)
    await analytics.hold_cafe(community, 6, id=kept, version=2)
    await analytics.hold_cafe(community, 9, id=kept, version=1)
    figures = await analytics.figures(study)
    assert (figures["cafes"], figures["smallest_cafe"], figures["largest_cafe"]) == (1, 6, 6)


async def test_a_study_keeps_nothing_of_what_it_was_not_approved_for(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()], fields=["members_who_viewed"], sources=["forum"])
    alias = uuid4()
    await analytics.receive("forum", *acts(alias, study, "post", analytics.today, 3))
    await analytics.receive("forum", *acts(alias, study, "view", analytics.today, 2))
    assert await analytics.rows_of("SELECT kind, acts FROM activity") == [("view", 2)]
    figures = await analytics.figures(study)
    assert figures["members_who_viewed"] == 1
    assert figures["posts"] is None
    assert figures["views"] is None
    assert figures["cafes_by_community"] == [None]
    [row] = await research_rows(analytics, study)
    assert row.days == {analytics.today: {"view": 2}}


async def test_each_alias_row_is_whole_in_the_stream_and_its_version_grows(analytics: Analytics) -> None:
    study, alias, day = await analytics.open_study([uuid4()]), uuid4(), analytics.today
    await analytics.receive("forum", *acts(alias, study, "post", day))
    await analytics.receive("forum", *acts(alias, study, "view", day, 2), *acts(alias, study, "post", day))
    first, second = await research_rows(analytics, study)
    assert (first.id, first.source, first.days) == (alias, "forum", {day: {"post": 1}})
    assert second.days == {day: {"post": 2, "view": 2}}
    assert second.version > first.version
    assert second.version >> 16 == first.version >> 16  # the day, nothing finer


async def test_an_erased_alias_leaves_no_row_and_later_records_of_it_are_dropped(
    analytics: Analytics,
) -> None:
    study, alias, other, day = await analytics.open_study([uuid4()]), uuid4(), uuid4(), analytics.today
    await analytics.receive("forum", *acts(alias, study, "post", day, 2), *acts(other, study, "post", day))
    await analytics.erase((alias, study, "forum"))
    await analytics.receive("forum", *acts(alias, study, "post", day))
    assert (await analytics.figures(study))["posts"] == 1
    assert await analytics.rows_of("SELECT 1 FROM activity WHERE alias = :alias", alias=alias) == []
    last = (await research_rows(analytics, study))[-1]
    assert (last.id, last.erased, last.days) == (alias, True, {})
    listed = await analytics.call("GET", f"/studies/{study}/rows", role="analyst")
    assert [row["id"] for row in listed.json()["items"]] == [str(other)]
    assert await analytics.rows_of("SELECT records FROM received") == [(4,)]  # a closing waits for no fewer


async def test_an_erasure_that_comes_before_any_act_holds(analytics: Analytics) -> None:
    study, alias = await analytics.open_study([uuid4()]), uuid4()
    await analytics.erase((alias, study, "forum"))
    await analytics.receive("forum", *acts(alias, study, "view", analytics.today))
    assert (await analytics.figures(study))["views"] == 0


async def test_an_erasure_and_acts_at_the_same_moment_leave_nothing(analytics: Analytics) -> None:
    study, day = await analytics.open_study([uuid4()]), analytics.today
    for _ in range(10):
        alias = uuid4()
        await asyncio.gather(
            *(analytics.receive("forum", *acts(alias, study, "view", day)) for _ in range(3)),
            analytics.erase((alias, study, "forum")),
        )
    assert await analytics.rows_of("SELECT 1 FROM activity") == []


async def test_batches_of_the_same_aliases_do_not_block_one_another(analytics: Analytics) -> None:
    study, day = await analytics.open_study([uuid4()]), analytics.today
    aliases = [uuid4() for _ in range(20)]
    some = [act for alias in aliases for act in acts(alias, study, "view", day)]
    await asyncio.gather(*(analytics.receive("forum", *(some if i % 2 else some[::-1])) for i in range(8)))
    assert (await analytics.figures(study))["views"] == 160


async def test_rows_are_read_page_by_page_and_name_one_source_each(analytics: Analytics) -> None:
    study, day = await analytics.open_study([uuid4()]), analytics.today
    for source, kind in (("membership", "member"), ("forum", "view"), ("events", "attendance")):
        await analytics.receive(source, *[Act(uuid4(), study, kind, day) for _ in range(4)])  # type: ignore[arg-type]
    rows, after = [], None
    while True:
        params = {"limit": 5} | ({"after": after} if after else {})
        page = (await analytics.call("GET", f"/studies/{study}/rows", role="analyst", params=params)).json()
        rows += page["items"]
        after = page["next"]
        if after is None:
            break
    assert len({row["id"] for row in rows}) == len(rows) == 12
    assert Counter(row["source"] for row in rows) == {"membership": 4, "forum": 4, "events": 4}
    assert {json.dumps(row["days"][str(day)]) for row in rows if row["source"] == "forum"} == {'{"view": 1}'}
