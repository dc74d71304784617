"""Answering, changing one's mind, the waiting list, and what others learn of it."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from services.events.models.answers import WISHES
from tests.events.conftest import CAFE, Events, about, at


@pytest.mark.parametrize("wish", WISHES)
async def test_the_exact_place_is_for_those_who_come_or_may_come(events: Events, wish: str) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    member = events.member(town)
    events.time.at = at("2026-03-10", "08:00")
    await member.answer(cafe, wish)
    page = await member.get(f"/gatherings/{cafe}")
    assert page["answer"] == wish
    assert page["place"] == (CAFE["place"] if wish in ("come", "maybe") else None)


async def test_an_answer_can_change_to_the_last_minute_and_not_after(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    member = events.member(town)
    await member.answer(cafe, "not-this-time")
    events.time.at = at("2026-03-10", "20:59")  # 21:59 in Oslo
    await member.answer(cafe, "come")
    await member.answer(cafe, "not-today")
    events.time.at = at("2026-03-10", "21:00")
    assert (await member.answer(cafe, "come", 409))["type"] == "/problems/gathering-is-over"


async def test_not_today_is_for_the_day_where_the_cafe_is(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    member = events.member(town)
    events.time.at = at("2026-03-09", "22:59")  # 23:59 in Oslo, the evening before
    assert not (await member.get(f"/gatherings/{cafe}"))["today"]
    assert (await member.answer(cafe, "not-today", 409))["type"] == "/problems/not-the-day"
    events.time.at = at("2026-03-09", "23:00")
    assert (await member.get(f"/gatherings/{cafe}"))["today"]
    await member.answer(cafe, "not-today")


async def test_whoever_waits_longest_gets_the_place_that_comes_free(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(capacity=2)
    first, second, third, fourth = (events.member(town) for _ in range(4))
    assert not (await first.answer(cafe, "come"))["waiting"]
    assert not (await second.answer(cafe, "come"))["waiting"]
    assert not (await first.get(f"/gatherings/{cafe}"))["waiting"]
    assert (await events.member(town).get(f"/gatherings/{cafe}"))["full"]
    assert (await third.answer(cafe, "come"))["waiting"]
    assert (await fourth.answer(cafe, "come"))["waiting"]
    assert (await third.answer(cafe, "come"))["waiting"], "saying it again keeps one's position"
    assert (await third.get(f"/gatherings/{cafe}"))["waiting_position"] == 1
    assert (await fourth.get(f"/gatherings/{cafe}"))["waiting_position"] == 2
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 2, "maybe": 0, "waiting": 2}

    await events.forget_published()
    await first.answer(cafe, "maybe")
    assert not (await third.get(f"/gatherings/{cafe}"))["waiting"]
    assert (await fourth.get(f"/gatherings/{cafe}"))["waiting_position"] == 1
    assert await events.requested("soon") == {third.alias}
    assert ("place-free", str(cafe)) in await third.for_you()
    await third.answer(cafe, "come")
    assert await third.for_you() == []
    assert (await first.answer(cafe, "come"))["waiting"], "who gave the place away waits like everybody"


async def test_maybe_takes_no_place(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan(capacity=1)
    await events.member(town).answer(cafe, "maybe")
    assert not (await events.member(town).answer(cafe, "come"))["waiting"]


async def test_of_many_at_once_exactly_as_many_get_a_place_as_there_are(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(capacity=3)
    members = [events.member(town) for _ in range(8)]
    said = await asyncio.gather(*(member.answer(cafe, "come") for member in members))
    assert [answer["waiting"] for answer in said].count(False) == 3
    rows = await events.rows("SELECT position FROM answers WHERE position IS NOT NULL ORDER BY position")
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5]


async def test_more_room_lets_those_in_who_wait(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(capacity=1)
    members = [events.member(town) for _ in range(4)]
    for member in members:
        await member.answer(cafe, "come")
    await events.forget_published()
    await kari.put(f"/gatherings/{cafe}", CAFE | {"capacity": 3})
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 3, "maybe": 0, "waiting": 1}
    assert await events.requested("soon") == {members[1].alias, members[2].alias}
    await kari.put(f"/gatherings/{cafe}", CAFE | {"capacity": None})
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 4, "maybe": 0, "waiting": 0}


async def test_less_room_sends_nobody_away_and_gives_no_place(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan(capacity=3)
    members = [events.member(town) for _ in range(4)]
    for member in members:
        await member.answer(cafe, "come")
    await kari.put(f"/gatherings/{cafe}", CAFE | {"capacity": 1})
    await members[0].answer(cafe, "not-this-time")
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 2, "maybe": 0, "waiting": 1}


async def test_the_place_of_somebody_who_leaves_goes_to_who_waits(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan(capacity=1)
    leaver, waiter = events.member(town), events.member(town)
    await leaver.answer(cafe, "come")
    await waiter.answer(cafe, "come")
    await events.forget_published()
    await events.identity_says(about(leaver.alias, closed=True))
    assert not (await waiter.get(f"/gatherings/{cafe}"))["waiting"]
    assert await events.requested("soon") == {waiter.alias}


async def test_consultants_see_how_many_and_nothing_about_who_said_no(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    for wish in ("come", "come", "maybe", "not-this-time"):
        await events.member(town).answer(cafe, wish)
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 2, "maybe": 1, "waiting": 0}


async def test_answering_says_that_one_has_looked(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    member = events.member(town)
    await events.forget_published()
    await member.answer(cafe, "maybe")
    assert await events.published("local.notices.requested.events.v1") == [
        (str(member.alias), {"category": "cafes"})
    ]


async def test_reading_leaves_no_row(events: Events) -> None:
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [cafe] = await kari.plan()
    before = await _everything(events)
    for path in ("/gatherings", f"/gatherings/{cafe}", "/for-you", "/export"):
        await member.get(path)
        await kari.get(path)
    for path in ("answers", "names", "code"):
        await kari.get(f"/gatherings/{cafe}/{path}")
    assert await _everything(events) == before


@pytest.mark.parametrize(
    "body", [{}, {"answer": "perhaps"}, {"answer": "come", "why": "ill"}, {"answer": None}, []]
)
async def test_anything_else_is_no_answer(events: Events, body: object) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    refused = await events.member(town).call("PUT", f"/gatherings/{cafe}/answer", json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


async def test_only_members_answer_and_only_guests_come_in(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    for role in ("consultant", "provider", "analyst", "operator"):
        refused = await events.person(role, town).call(
            "PUT", f"/gatherings/{cafe}/answer", json={"answer": "come"}
        )
        assert refused.status_code == 403
    for role in ("provider", "analyst", "operator"):
        for path in ("/gatherings", f"/gatherings/{cafe}", "/for-you", "/export"):
            assert (await events.person(role, town).call("GET", path)).status_code == 403
    assert (await events.client.get(f"/gatherings/{uuid4()}")).status_code == 401


async def _everything(events: Events) -> dict[str, list[object]]:
    tables = await events.rows(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return {
        table["name"]: [dict(row) for row in await events.rows(f"SELECT xmin, t.* FROM {table['name']} t")]
        for table in tables
    }


async def test_a_consultant_who_keeps_looking_doesnt_learn_when_somebody_answers(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    looks = events.app.state.limits["looks_at_guests"]
    for number in range(looks.burst):
        await kari.get(f"/gatherings/{cafe}/{('answers', 'names')[number % 2]}")
    await events.member(town).answer(cafe, "come")
    for what in ("answers", "names"):
        refused = await kari.call("GET", f"/gatherings/{cafe}/{what}")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 30
    await kari.get(f"/gatherings/{cafe}")
    events.time.move(timedelta(minutes=1))
    assert (await kari.get(f"/gatherings/{cafe}/answers"))["come"] == 1
