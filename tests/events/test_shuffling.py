"""Rows forget in which order they came, and the answers stay what they were."""

from services.events.use_cases.shuffling import forget_the_order
from tests.events.conftest import Events

PEOPLE = 20


async def kept(events: Events, table: str) -> list[tuple[str, str]]:
    rows = await events.rows(f"SELECT xmin::text AS moment, alias FROM {table} ORDER BY ctid")
    return [(row["moment"], str(row["alias"])) for row in rows]


async def test_after_a_night_neither_rows_nor_transactions_tell_who_came_first(events: Events) -> None:
    community = await events.community()
    kari = events.person("consultant", community)
    cafe = (await kari.plan())[0]
    guests = [events.member(community) for _ in range(PEOPLE)]
    for guest in guests:
        await guest.answer(cafe, "come")
    came = [str(guest.alias) for guest in guests]
    assert [alias for _, alias in await kept(events, "answers") if alias in came] == came

    async with events.app.state.sessions() as session, session.begin():
        await forget_the_order(session)

    for table in ("guests", "answers"):
        rows = [(moment, alias) for moment, alias in await kept(events, table) if alias in came]
        assert len({moment for moment, _ in rows}) == 1
        assert sorted(alias for _, alias in rows) == sorted(came)
        assert [alias for _, alias in rows] != came
    assert (await kari.get(f"/gatherings/{cafe}/answers"))["come"] == PEOPLE
    await guests[0].answer(cafe, "maybe")
    assert (await kari.get(f"/gatherings/{cafe}/answers"))["come"] == PEOPLE - 1
