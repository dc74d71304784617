"""A name to be called by: sealed, apart from the answers, for the planner only, gone the day after."""

from tests.events.conftest import CAFE, Events, Person, about, at


async def _cafe_with(events: Events, *names: str) -> tuple[Person, str, list[Person]]:
    town = await events.community()
    kari = events.person("consultant", town)
    [cafe] = await kari.plan()
    members = [events.member(town) for _ in names]
    for member, name in zip(members, names, strict=True):
        await member.answer(cafe, "come")
        await member.put(f"/gatherings/{cafe}/name", {"name": name}, 204)
    return kari, str(cafe), members


async def _names(consultant: Person, cafe: str) -> list[str]:
    names: list[str] = (await consultant.get(f"/gatherings/{cafe}/names"))["names"]
    return names


async def test_the_planner_sees_names_in_an_order_that_tells_nothing(events: Events) -> None:
    left = [f"Guest {number}" for number in range(12)]
    kari, cafe, [member, *_] = await _cafe_with(events, *left)
    seen = await _names(kari, cafe)
    assert sorted(seen) == sorted(left)
    assert seen != left  # by chance once in 479,001,600
    await member.put(f"/gatherings/{cafe}/name", {"name": "Somebody"}, 204)
    assert [("Guest 0" if name == "Somebody" else name) for name in await _names(kari, cafe)] == seen


async def test_a_name_can_be_changed_and_taken_back(events: Events) -> None:
    kari, cafe, [member] = await _cafe_with(events, "Ola")
    assert (await member.get(f"/gatherings/{cafe}"))["called"] == "Ola"
    await member.put(f"/gatherings/{cafe}/name", {"name": "  Ola N. "}, 204)
    assert await _names(kari, cafe) == ["Ola N."]
    for _ in range(2):
        assert (await member.call("DELETE", f"/gatherings/{cafe}/name")).status_code == 204
    assert await _names(kari, cafe) == []
    assert (await member.get(f"/gatherings/{cafe}"))["called"] is None
    assert (await member.get(f"/gatherings/{cafe}"))["answer"] == "come"


async def test_a_name_goes_when_its_owner_does_not_come(events: Events) -> None:
    kari, cafe, [ola, liv] = await _cafe_with(events, "Ola", "Liv")
    await liv.answer(cafe, "maybe")
    await ola.answer(cafe, "not-this-time")
    assert await _names(kari, cafe) == ["Liv"]
    page = await ola.get(f"/gatherings/{cafe}")
    assert (page["called"], page["takes_names"]) == (None, False)
    refused = await ola.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 409)
    assert refused["type"] == "/problems/not-coming"
    assert await events.forget_names() == 1
    assert await events.forget_names() == 0
    await ola.answer(cafe, "come")
    assert await _names(kari, cafe) == ["Liv"]
    await ola.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)
    assert sorted(await _names(kari, cafe)) == ["Liv", "Ola"]


async def test_neither_answering_nor_leaving_touches_a_name(events: Events) -> None:
    """Deleting it there would put the transaction of the alias's own rows into the name's."""
    kari, cafe, [says_no, leaves, is_erased] = await _cafe_with(events, "Ola", "Liv", "Siv")
    names = "SELECT xmin, xmax, * FROM called_names ORDER BY id"
    before = await events.rows(names)
    events.time.at = at("2026-03-10", "08:00")
    for wish in ("maybe", "not-this-time", "not-today"):
        await says_no.answer(cafe, wish)
    await events.identity_says(about(leaves.alias, closed=True), about(is_erased.alias, erased=True))
    assert await events.rows(names) == before
    assert await _names(kari, cafe) == []
    assert await events.forget_names() == 3


async def test_names_are_deleted_the_day_after(events: Events) -> None:
    kari, cafe, _ = await _cafe_with(events, "Ola")
    events.time.at = at("2026-03-10", "22:59")  # 23:59 in Oslo, the café is over
    assert await events.forget_names() == 0
    events.time.at = at("2026-03-11", "02:59")  # before 04:00, when the latest café of the day would be over
    assert await events.forget_names() == 0
    events.time.at = at("2026-03-11", "03:00")
    assert await events.forget_names() == 1
    assert await _names(kari, cafe) == []


async def test_a_copy_of_the_tables_joins_no_name_to_an_answer(events: Events) -> None:
    _, cafe, [member] = await _cafe_with(events, "Olaug Canary")
    await member.put(f"/gatherings/{cafe}/name", {"name": "Olaug Canary-Two"}, 204)
    [name] = await events.rows("SELECT xmin, * FROM called_names")
    values = {bytes(value) if isinstance(value, bytes) else str(value) for value in dict(name).values()}
    for table in ("answers", "guests", "outbox", "check_ins", "idempotency"):
        for row in await events.rows(f"SELECT xmin, * FROM {table}"):
            shared = {
                bytes(value) if isinstance(value, bytes) else str(value) for value in dict(row).values()
            } & values
            assert shared <= {cafe}, table
    assert b"Olaug" not in bytes(name["sealed"])
    assert member.alias.bytes not in bytes(name["owner"]) + bytes(name["sealed"])


async def test_a_name_alone_makes_nobody_known(events: Events) -> None:
    town = await events.community()
    [cafe] = await events.person("consultant", town).plan()
    member = events.member(town)
    await member.put(f"/gatherings/{cafe}/name", {"name": "Ola"}, 204)
    assert await events.rows("SELECT alias FROM guests WHERE alias = :alias", alias=member.alias) == []


async def test_a_name_is_one_short_line(events: Events) -> None:
    _, cafe, [member] = await _cafe_with(events, "Ola")
    for wrong in ("", "x" * 61, "Ola\u202eN", "Ola\nN", "Ola\u0007"):
        await member.put(f"/gatherings/{cafe}/name", {"name": wrong}, 422)
    for consultant_only in ("names", "answers"):
        assert (await member.call("GET", f"/gatherings/{cafe}/{consultant_only}")).status_code == 403


async def test_names_move_along_with_the_cafe(events: Events) -> None:
    kari, cafe, _ = await _cafe_with(events, "Ola")
    await kari.put(f"/gatherings/{cafe}", CAFE | {"starts": "2026-03-17T18:00", "reason": "Snow"})
    events.time.at = at("2026-03-11", "08:00")
    assert await events.forget_names() == 0
    assert await _names(kari, cafe) == ["Ola"]
