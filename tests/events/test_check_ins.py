"""Checking in with the code of the day."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.events.conftest import CAFE, Events, at

ATTENDED = "local.activity.events.v1"


async def test_the_code_is_good_from_an_hour_before_until_four_hours_after(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(starts="2026-03-10T21:30")
    shown = await kari.get(f"/gatherings/{cafe}/code")
    assert (shown["good_from"], shown["good_until"]) == ("2026-03-10T20:30", "2026-03-11T01:30")
    member = events.member(town)
    for moment, status in (
        (at("2026-03-10", "19:29:59"), 409),
        (at("2026-03-10", "19:30"), 204),
        (at("2026-03-11", "00:29:59"), 204),  # past midnight in Oslo
        (at("2026-03-11", "00:30"), 409),
    ):
        events.time.at = moment
        assert (await member.get(f"/gatherings/{cafe}"))["check_in_open"] is (status == 204)
        await events.member(town).check_in(cafe, shown["code"], status)
    assert [payload for _, payload in await events.published(ATTENDED)] == [{"day": "2026-03-10"}] * 2


@pytest.mark.parametrize(
    ("starts", "last_minute"),
    [("2026-03-29T00:30", "2026-03-29T03:29"), ("2026-10-25T00:30", "2026-10-25T02:29")],
)
async def test_four_hours_are_four_hours_when_the_clocks_change(
    events: Events, starts: str, last_minute: str
) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(starts=starts)
    code = await kari.code(cafe)
    events.time.at = at(*last_minute.split("T"))
    await events.member(town).check_in(cafe, code)
    events.time.move(timedelta(minutes=1))
    await events.member(town).check_in(cafe, code, 409)


async def test_checking_in_again_counts_once(events: Events) -> None:
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [cafe] = await kari.plan()
    code = await kari.code(cafe)
    events.time.at = at("2026-03-10", "17:00")
    await asyncio.gather(*(member.check_in(cafe, code) for _ in range(5)))
    await member.check_in(cafe, code)
    assert await events.published(ATTENDED) == [(str(member.alias), {"day": "2026-03-10"})]
    [cafe_of_the_same_day] = await kari.plan(starts="2026-03-10T18:00")
    await member.check_in(cafe_of_the_same_day, await kari.code(cafe_of_the_same_day))
    assert len(await events.published(ATTENDED)) == 2


async def test_coming_unannounced_is_fine(events: Events) -> None:
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [cafe] = await kari.plan(capacity=1)
    assert await member.for_you() == [("new", str(cafe))]
    events.time.at = at("2026-03-10", "17:00")
    await member.check_in(cafe, await kari.code(cafe))
    assert await member.for_you() == []
    assert (await member.get(f"/gatherings/{cafe}"))["answer"] is None


async def test_another_cafes_code_is_wrong_and_keeps_nothing(events: Events) -> None:
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [cafe], [other] = await kari.plan(), await kari.plan()
    events.time.at = at("2026-03-10", "17:00")
    refused = await member.check_in(cafe, await kari.code(other), 422)
    assert refused.json()["type"] == "/problems/code-is-wrong"
    assert await events.published(ATTENDED) == []
    assert await events.rows("SELECT alias FROM guests WHERE alias = :alias", alias=member.alias) == []


async def test_the_code_is_another_one_on_another_day(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    before = await kari.code(cafe)
    await kari.put(f"/gatherings/{cafe}", CAFE | {"starts": "2026-03-10T19:00", "reason": "Later bus"})
    assert await kari.code(cafe) == before
    await kari.put(f"/gatherings/{cafe}", CAFE | {"starts": "2026-03-12T19:00", "reason": "Snow"})
    assert await kari.code(cafe) != before


async def test_guessing_is_limited(events: Events) -> None:
    town = await events.community()
    kari, guesser, member = events.person("consultant", town), events.member(town), events.member(town)
    [cafe] = await kari.plan()
    code = (await kari.code(cafe)).replace(" ", "")
    events.time.at = at("2026-03-10", "17:00")
    for guess in range(20):
        await guesser.check_in(cafe, f"{(int(code) + 1 + guess) % 10**6:06}", 422)
    refused = await guesser.check_in(cafe, code, 429)
    assert int(refused.headers["Retry-After"]) > 30
    await member.check_in(cafe, code)


async def test_only_consultants_of_the_community_see_the_code_and_only_members_check_in(
    events: Events,
) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    assert (await events.member(town).call("GET", f"/gatherings/{cafe}/code")).status_code == 403
    await kari.check_in(cafe, "123456", 403)
    assert (await kari.call("GET", f"/gatherings/{uuid4()}/code")).status_code == 404
