"""Planning, moving and cancelling: what is refused, who is told, what stands under For you."""

from uuid import uuid4

import pytest

from tests.events.conftest import CAFE, Events, at


async def test_a_new_cafe_is_told_to_members_of_its_community_who_are_known_here(events: Events) -> None:
    here, there = await events.community(), await events.community()
    kari = events.person("consultant", here)
    known, elsewhere = events.member(here), events.member(there)
    [earlier] = await kari.plan()
    await known.answer(earlier, "maybe")
    [other] = await events.person("consultant", there).plan()
    await elsewhere.answer(other, "come")
    await events.forget_published()
    await kari.plan(starts="2026-04-14T18:00", monthly_times=6)
    notices = await events.published("local.notices.requested.events.v1")
    assert notices == [(str(known.alias), {"category": "cafes", "urgency": "ordinary"})], "one, not six"


async def test_a_year_of_cafes_is_one_item_until_it_is_answered(events: Events) -> None:
    town = await events.community()
    series = await events.person("consultant", town).plan(monthly_times=12)
    member = events.member(town)
    assert await member.for_you() == [("new", str(series[0]))]
    await member.answer(series[0], "not-this-time")
    assert await member.for_you() == []
    events.time.at = at("2026-03-11", "08:00")
    assert await member.for_you() == [("new", str(series[1]))]


async def test_a_new_cafe_stands_under_for_you_until_its_day_is_past(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    member = events.member(town)
    events.time.at = at("2026-03-10", "20:30")
    assert await member.for_you() == [("new", str(cafe))]
    assert await kari.for_you() == []
    events.time.at = at("2026-03-10", "21:00")
    assert await member.for_you() == []


async def test_who_comes_or_may_come_is_told_when_a_cafe_moves(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    comes, may_come, declines, silent = (events.member(town) for _ in range(4))
    for member, wish in ((comes, "come"), (may_come, "maybe"), (declines, "not-this-time")):
        await member.answer(cafe, wish)
    await events.forget_published()

    moved = CAFE | {"starts": "2026-03-12T17:00", "reason": "The library is closed on Tuesday."}
    page = await kari.put(f"/gatherings/{cafe}", moved)
    assert (page["starts"], page["moved_from"], page["reason"]) == (
        "2026-03-12T17:00",
        "2026-03-10T18:00",
        "The library is closed on Tuesday.",
    )
    assert await events.requested("soon") == {comes.alias, may_come.alias}
    assert await events.requested("ordinary") == set()
    for member in (comes, may_come, declines):
        assert await member.for_you() == [("moved", str(cafe))]
    assert await silent.for_you() == [("new", str(cafe))]
    await comes.answer(cafe, "come")
    assert await comes.for_you() == []
    [(_, recorded)] = await events.published("local.events.gatherings.v1")
    assert (recorded["day"], recorded["cancelled"]) == ("2026-03-12", False)

    await events.forget_published()
    await kari.put(f"/gatherings/{cafe}", moved)
    assert await events.requested("soon") == set(), "the same again moves nothing"


async def test_a_move_needs_a_reason_and_a_better_description_does_not(events: Events) -> None:
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [cafe] = await kari.plan()
    await member.answer(cafe, "come")
    await events.forget_published()
    for change in ({"starts": "2026-03-10T19:00"}, {"zone": "Europe/Helsinki"}, {"place": "Elsewhere"}):
        for reason in ({}, {"reason": ""}, {"reason": None}):
            refused = await kari.put(f"/gatherings/{cafe}", CAFE | change | reason, 422)
            assert refused["type"] == "/problems/reason-needed"
    page = await kari.put(f"/gatherings/{cafe}", CAFE | {"way_there": "Bus 5.", "reason": ""})
    assert (page["way_there"], page["moved_from"], page["reason"]) == ("Bus 5.", None, None)
    assert await events.requested("soon") == set()


async def test_a_cancelled_cafe_says_why_and_takes_nothing_more(events: Events) -> None:
    town = await events.community()
    kari, comes, silent = events.person("consultant", town), events.member(town), events.member(town)
    [cafe] = await kari.plan()
    await comes.answer(cafe, "come")
    await comes.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)
    await events.forget_published()
    for _ in range(2):
        answer = await kari.call("POST", f"/gatherings/{cafe}/cancellation", json={"reason": "Kari is ill."})
        assert answer.status_code == 200
        assert (answer.json()["cancelled"], answer.json()["reason"]) == (True, "Kari is ill.")
    assert await events.requested("soon") == {comes.alias}
    assert len(await events.published("local.events.gatherings.v1")) == 1
    assert await comes.for_you() == [("cancelled", str(cafe))]
    assert await silent.for_you() == []
    assert await events.rows("SELECT id FROM called_names") == []

    gone = "/problems/gathering-is-cancelled"
    assert (await silent.answer(cafe, "come", 409))["type"] == gone
    assert (await kari.put(f"/gatherings/{cafe}", CAFE, 409))["type"] == gone
    assert (await silent.put(f"/gatherings/{cafe}/name", {"name": "Liv"}, 409))["type"] == gone
    events.time.at = at("2026-03-10", "17:30")
    assert (await kari.put(f"/gatherings/{cafe}/head-count", {"members": 1}, 409))["type"] == gone
    refused = await comes.check_in(cafe, await kari.code(cafe), 409)
    assert refused.json()["type"] == gone


async def test_heads_are_counted_from_an_hour_before_and_ever_after(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    early = await kari.put(f"/gatherings/{cafe}/head-count", {"members": 4}, 409)
    assert early["type"] == "/problems/gathering-not-yet"
    events.time.at = at("2026-03-10", "16:00")
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 4}, 204)
    events.time.at = at("2026-05-01", "08:00")
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 6}, 204)
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 6}, 204)
    counts = [payload["head_count"] for _, payload in await events.published("local.events.gatherings.v1")]
    assert counts == [None, 4, 6]
    for wrong in ({"members": -1}, {"members": 1001}, {"members": 2.5}, {"members": None}, {}):
        await kari.put(f"/gatherings/{cafe}/head-count", wrong, 422)


async def test_a_cafe_that_was_held_is_neither_moved_nor_cancelled(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    events.time.at = at("2026-03-10", "18:30")
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 4}, 204)
    refused = await kari.put(
        f"/gatherings/{cafe}", CAFE | {"starts": "2026-03-12T17:00", "reason": "Oh"}, 409
    )
    assert refused["type"] == "/problems/gathering-was-held"
    refused_ = await kari.call("POST", f"/gatherings/{cafe}/cancellation", json={"reason": "Oh"})
    assert refused_.json()["type"] == "/problems/gathering-was-held"


@pytest.mark.parametrize(
    ("changed", "type_"),
    [
        ({"starts": "2026-03-02T18:00"}, "day-has-passed"),
        ({"starts": "2029-03-02T18:00"}, "too-far-ahead"),
        ({"starts": "9999-12-31T23:59"}, "too-far-ahead"),
        ({"starts": "0001-01-01T00:00"}, "day-has-passed"),
        ({"starts": "2026-02-30T18:00"}, "invalid"),
        ({"starts": "2026-03-10T18:00Z"}, "invalid"),
        ({"starts": "2026-03-10T18:00:30"}, "invalid"),
        ({"zone": "Europe/Nowhere"}, "zone-unknown"),
        ({"zone": "../../etc/passwd"}, "zone-unknown"),
        ({"zone": "localtime"}, "zone-unknown"),
        ({"capacity": 0}, "invalid"),
        ({"duration_minutes": 721}, "invalid"),
        ({"monthly_times": 25}, "invalid"),
        ({"met_by": ""}, "invalid"),
        ({"place": "Storgata\u202e4"}, "text-not-allowed"),
        ({"title": "A\u0000B"}, "text-not-allowed"),
        ({"members": ["Ola"]}, "invalid"),
    ],
)
async def test_a_plan_that_cannot_be_kept_is_refused(
    events: Events, changed: dict[str, object], type_: str
) -> None:
    town = await events.community()
    answer = await events.person("consultant", town).call(
        "POST",
        "/gatherings",
        json=CAFE | {"community_id": str(town)} | changed,
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{type_}")
    assert await events.rows("SELECT id FROM gatherings") == []


async def test_twelve_cafes_can_be_planned_for_today(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    for _ in range(12):
        await kari.plan(starts="2026-03-03T09:00")
    assert len((await kari.get("/gatherings"))["items"]) == 12


async def test_a_prompt_is_repeated_on_the_cafes_page(events: Events) -> None:
    town = await events.community()
    thread = str(uuid4())
    [cafe] = await events.person("consultant", town).plan(
        prompt_thread=thread, prompt_text="What helped you this week?\n\nIt may be small."
    )
    member = events.member(town)
    page = await member.get(f"/gatherings/{cafe}")
    assert (page["prompt_thread"], page["prompt_text"]) == (
        thread,
        "What helped you this week?\n\nIt may be small.",
    )
    assert (await member.get("/gatherings"))["items"][0]["has_prompt"]


async def test_another_consultant_of_the_community_can_step_in(events: Events) -> None:
    town = await events.community()
    kari, nils = events.person("consultant", town), events.person("consultant", town)
    [cafe] = await kari.plan()
    await nils.put(f"/gatherings/{cafe}", CAFE | {"met_by": "Nils"})
    assert (await kari.get(f"/gatherings/{cafe}"))["planned_by_me"]
    assert not (await nils.get(f"/gatherings/{cafe}"))["planned_by_me"]
    assert (await nils.call("GET", f"/gatherings/{cafe}/names")).status_code == 404
