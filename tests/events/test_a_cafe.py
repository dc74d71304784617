"""The whole of a café: community, plan, answer, check-in, head count."""

from uuid import UUID, uuid4

from tests.events.conftest import CAFE, Events, at


async def test_a_member_answers_comes_and_checks_in(events: Events) -> None:
    town = await events.community("Fjordby", "Around the fjord")
    kari, member = events.person("consultant", town), events.member(town)

    [cafe] = await kari.plan()
    [listed] = (await member.get("/gatherings"))["items"]
    assert listed["id"] == str(cafe)
    assert (listed["starts"], listed["zone"], listed["community_name"]) == (
        "2026-03-10T18:00",
        "Europe/Oslo",
        "Fjordby",
    )
    assert listed["answer"] is None

    page = await member.get(f"/gatherings/{cafe}")
    assert {key: page[key] for key in ("area", "way_there", "toilet", "step_free", "met_by")} == {
        key: CAFE[key] for key in ("area", "way_there", "toilet", "step_free", "met_by")
    }
    assert page["place"] is None

    assert await member.answer(cafe, "come") == {"answer": "come", "waiting": False}
    assert (await member.get(f"/gatherings/{cafe}"))["place"] == CAFE["place"]
    assert await kari.get(f"/gatherings/{cafe}/answers") == {"come": 1, "maybe": 0, "waiting": 0}

    events.time.at = at("2026-03-10", "17:30")  # 18:30 in Oslo
    await member.check_in(cafe, await kari.code(cafe))
    assert (await member.get(f"/gatherings/{cafe}"))["checked_in"]
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 5}, 204)
    assert (await kari.get(f"/gatherings/{cafe}"))["head_count"] == 5
    assert (await member.get(f"/gatherings/{cafe}"))["head_count"] is None

    assert await events.published("local.activity.events.v1") == [(str(member.alias), {"day": "2026-03-10"})]
    recorded = await events.published("local.events.gatherings.v1")
    assert [payload["head_count"] for _, payload in recorded] == [None, 5]
    assert recorded[0][1]["version"] < recorded[1][1]["version"]
    assert set(recorded[1][1]) == {
        "id", "home", "version", "erased", "community_id", "kind", "day", "cancelled", "head_count",
    }  # fmt: skip


async def test_a_repeat_with_the_same_key_plans_nothing_twice(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    body = CAFE | {"community_id": str(town), "monthly_times": 3}
    key = {"Idempotency-Key": uuid4().hex}
    first = await kari.call("POST", "/gatherings", json=body, headers=key)
    again = await kari.call("POST", "/gatherings", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len((await kari.get("/gatherings"))["items"]) == 3
    other = await kari.call("POST", "/gatherings", json=body | {"monthly_times": 2}, headers=key)
    assert other.status_code == 422


async def test_communities_are_made_by_operators_with_a_name_of_their_own(events: Events) -> None:
    operator = events.person("operator")
    key = {"Idempotency-Key": uuid4().hex}
    body = {"name": "Fjordby", "area": "Around the fjord"}
    made = await operator.call("POST", "/communities", json=body, headers=key)
    repeated = await operator.call("POST", "/communities", json=body, headers=key)
    assert made.json() == repeated.json() == body | {"id": made.json()["id"], "open": True}
    taken = await operator.call(
        "POST",
        "/communities",
        json={"name": "fjordby ", "area": "x"},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/community-name-taken")
    [(key_, payload)] = await events.published("local.events.communities.v1")
    assert (key_, payload["name"], payload["home"], payload["open"]) == (
        made.json()["id"],
        "Fjordby",
        "north",
        True,
    )
    other = await events.community()
    everything = await operator.get("/communities")
    assert {item["id"] for item in everything["items"]} == {made.json()["id"], str(other)}
    own = await events.person("consultant", other).get("/communities")
    assert [item["id"] for item in own["items"]] == [str(other)]


async def test_what_is_another_communitys_answers_like_what_does_not_exist(events: Events) -> None:
    here, there = await events.community(), await events.community()
    kari, stranger = events.person("consultant", here), events.member(there)
    other_consultant = events.person("consultant", there)
    [cafe] = await kari.plan()
    for person, method, path, body in [
        (stranger, "GET", "", None),
        (stranger, "PUT", "/answer", {"answer": "come"}),
        (stranger, "PUT", "/name", {"name": "Ola"}),
        (stranger, "DELETE", "/name", None),
        (stranger, "POST", "/check-in", {"code": await kari.code(cafe)}),
        (other_consultant, "GET", "", None),
        (other_consultant, "PUT", "", CAFE),
        (other_consultant, "POST", "/cancellation", {"reason": "Snow"}),
        (other_consultant, "GET", "/answers", None),
        (other_consultant, "GET", "/names", None),
        (other_consultant, "GET", "/code", None),
        (other_consultant, "PUT", "/head-count", {"members": 3}),
    ]:
        theirs = await person.call(method, f"/gatherings/{cafe}{path}", json=body)
        nothing = await person.call(method, f"/gatherings/{uuid4()}{path}", json=body)
        assert theirs.status_code == nothing.status_code == 404, (method, path)
        assert theirs.content == nothing.content
    assert await stranger.get("/gatherings") == {"items": [], "next": None}
    refused = await other_consultant.call(
        "POST",
        "/gatherings",
        json=CAFE | {"community_id": str(here)},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert refused.status_code == 404
    assert await events.rows("SELECT alias FROM guests WHERE alias = :alias", alias=stranger.alias) == []


async def test_pages_of_cafes_follow_each_other(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    ids = [str(id_) for id_ in await kari.plan(monthly_times=5)]
    first = await kari.get("/gatherings?limit=2")
    second = await kari.get(f"/gatherings?limit=2&after={first['next']}")
    third = await kari.get(f"/gatherings?limit=2&after={second['next']}")
    assert [item["id"] for page in (first, second, third) for item in page["items"]] == ids
    assert third["next"] is None


async def test_past_cafes_are_listed_when_asked_for(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    events.time.at = at("2026-03-10", "21:30")  # 22:30 in Oslo: over since 22:00, its day is not
    assert [item["over"] for item in (await kari.get("/gatherings"))["items"]] == [True]
    events.time.at = at("2026-03-11", "08:00")
    assert (await kari.get("/gatherings"))["items"] == []
    assert [item["id"] for item in (await kari.get("/gatherings?from=2026-03-01"))["items"]] == [str(cafe)]
    await kari.put(f"/gatherings/{cafe}/head-count", {"members": 4}, 204)


async def test_ids_are_random(events: Events) -> None:
    town = await events.community()
    kari = events.person("consultant", town)
    ids = await kari.plan(monthly_times=3)
    assert {UUID(str(id_)).version for id_ in (town, *ids)} == {4}


async def test_a_community_that_does_not_exist_has_no_cafes(events: Events) -> None:
    nowhere = uuid4()
    answer = await events.person("consultant", nowhere).call(
        "POST",
        "/gatherings",
        json=CAFE | {"community_id": str(nowhere)},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert answer.status_code == 404


async def test_the_api_describes_itself(events: Events) -> None:
    described = (await events.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert "/gatherings/{gathering_id}/answer" in described["paths"]
