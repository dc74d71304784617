"""What identity says of an alias: erased for good, closed until it says otherwise."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from services.events.policy.callers import Visitor
from services.events.use_cases import answers, called_names
from shared import clock
from shared.keys import SealingKeys
from tests.events.conftest import CAFE, SECRET, Events, about, at
from tests.locks import waited_for


async def _somebody(events: Events) -> tuple[Any, Any, Any]:
    """A consultant, a member who answered, left a name and came to an earlier café; the café to come."""
    town = await events.community()
    kari, member = events.person("consultant", town), events.member(town)
    [earlier], [cafe] = await kari.plan(starts="2026-03-03T10:00"), await kari.plan()
    await member.answer(earlier, "come")
    await member.check_in(earlier, await kari.code(earlier))
    await member.answer(cafe, "maybe")
    await member.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)
    return kari, member, cafe


async def _refused_everywhere(events: Events, person: Any, cafe: Any) -> None:
    code = {"code": "123456"}
    for method, path, body in (
        ("GET", "/gatherings", None),
        ("GET", f"/gatherings/{cafe}", None),
        ("GET", "/for-you", None),
        ("GET", "/export", None),
        ("PUT", f"/gatherings/{cafe}/answer", {"answer": "come"}),
        ("PUT", f"/gatherings/{cafe}/name", {"name": "Ola"}),
        ("POST", f"/gatherings/{cafe}/check-in", code),
    ):
        answer = await person.call(method, path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/account-closed"), path


async def test_erased_leaves_nothing_and_is_refused_from_then_on(events: Events) -> None:
    kari, member, cafe = await _somebody(events)
    await events.forget_published()
    await events.identity_says(about(member.alias, erased=True))
    assert (await kari.get(f"/gatherings/{cafe}/names"))["names"] == []
    assert await events.forget_names() == 1
    for table in ("answers", "check_ins", "called_names"):
        assert await events.rows(f"SELECT * FROM {table}") == [], table
    [kept] = await events.rows("SELECT * FROM guests WHERE alias = :alias", alias=member.alias)
    assert (kept["erased"], kept["role"], kept["communities"]) == (True, "", [])
    await _refused_everywhere(events, member, cafe)

    await events.identity_says(about(member.alias, version=8, closed=True))
    await events.identity_says(about(member.alias, version=9, erased=False, role="member"))
    await _refused_everywhere(events, member, cafe)
    await events.forget_published()
    await kari.plan(starts="2026-05-12T18:00")
    assert await events.published("local.notices.requested.events.v1") == []


@pytest.mark.parametrize("writing", ["an answer", "a name"])
async def test_erasure_waits_for_what_its_alias_is_writing_and_takes_it_along(
    events: Events, writing: str
) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    visitor, secret = Visitor(uuid4(), "member", frozenset({town})), SECRET.encode()
    async with events.app.state.sessions() as session, session.begin():
        if writing == "an answer":
            await answers.answer(session, visitor, cafe, "come", clock.now())
        else:
            keys = SealingKeys({1: bytes(32)})
            await called_names.leave(session, secret, keys, visitor, cafe, "Ola", clock.now())
        erasing = asyncio.create_task(events.identity_says(about(visitor.alias, erased=True)))
        await waited_for(session)
        assert not erasing.done()
    await erasing
    await events.forget_names()
    for table in ("answers", "called_names"):
        assert await events.rows(f"SELECT * FROM {table}") == [], table


async def test_an_alias_that_never_wrote_is_refused_after_erasure_too(events: Events) -> None:
    _, _, cafe = await _somebody(events)
    stranger = events.member((await events.rows("SELECT community_id FROM gatherings"))[0]["community_id"])
    await events.identity_says(about(stranger.alias, erased=True))
    await _refused_everywhere(events, stranger, cafe)


async def test_closed_is_refused_until_it_is_open_again(events: Events) -> None:
    _, member, cafe = await _somebody(events)
    await events.identity_says(about(member.alias, closed=True))
    await _refused_everywhere(events, member, cafe)
    assert [row["alias"] for row in await events.rows("SELECT alias FROM check_ins")] == [member.alias]
    await events.identity_says(about(member.alias, version=4, closed=False, role="member"))
    await _refused_everywhere(events, member, cafe)
    await events.identity_says(about(member.alias, version=6, closed=False, role="member"))
    await member.answer(cafe, "come")
    await events.identity_says(about(member.alias, version=5, closed=True))
    await member.answer(cafe, "maybe")


async def test_a_changed_role_is_kept_only_for_those_known_here(events: Events) -> None:
    _, member, _ = await _somebody(events)
    stranger = events.member()
    await events.identity_says(
        about(member.alias, role="consultant"), about(stranger.alias, role="consultant")
    )
    roles = {row["alias"]: row["role"] for row in await events.rows("SELECT alias, role FROM guests")}
    assert roles[member.alias] == "consultant"
    assert stranger.alias not in roles


async def test_cafes_stay_the_communitys_when_their_planner_is_erased(events: Events) -> None:
    kari, member, cafe = await _somebody(events)
    community = kari.communities[0]
    await kari.put(
        f"/gatherings/{cafe}",
        CAFE | {"place": "Elsewhere", "reason": "I moved", "prompt_text": "My own words"},
    )
    await events.identity_says(about(kari.alias, erased=True))
    page = await member.get(f"/gatherings/{cafe}")
    assert (page["met_by"], page["prompt_text"], page["reason"], page["takes_names"]) == (
        "",
        None,
        None,
        False,
    )
    assert page["place"] == "Elsewhere"
    refused = await member.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 409)
    assert refused["type"] == "/problems/names-not-taken"
    nils = events.person("consultant", community)
    assert (await nils.put(f"/gatherings/{cafe}", CAFE | {"place": "Elsewhere"}))["planned_by_me"]
    await member.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)


async def test_export_holds_all_that_is_kept_about_its_owner(events: Events) -> None:
    kari, member, cafe = await _somebody(events)
    exported = await member.get("/export")
    assert [(row["starts"], row["answer"]) for row in exported["answers"]] == [
        ("2026-03-03T10:00", "come"),
        ("2026-03-10T18:00", "maybe"),
    ]
    assert [row["starts"] for row in exported["check_ins"]] == ["2026-03-03T10:00"]
    assert exported["names_left"] == [{"gathering_id": str(cafe), "name": "Ola"}]
    assert exported["planned"] == []
    assert len((await kari.get("/export"))["planned"]) == 2
    empty = await events.member(*member.communities).get("/export")
    assert empty == {"answers": [], "check_ins": [], "names_left": [], "planned": []}


@pytest.mark.parametrize("same_batch", [True, False])
async def test_many_aliases_of_one_batch(events: Events, same_batch: bool) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan(capacity=2)
    members = [events.member(town) for _ in range(5)]
    for member in members:
        await member.answer(cafe, "come")
    told = [about(member.alias, erased=True) for member in members[:3]]
    if same_batch:
        await events.identity_says(*told)
    else:
        for one in told:
            await events.identity_says(one)
    events.time.at = at("2026-03-10", "08:00")
    assert not (await members[3].get(f"/gatherings/{cafe}"))["waiting"]
    assert not (await members[4].get(f"/gatherings/{cafe}"))["waiting"]
