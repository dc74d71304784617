"""A month after a café nothing says who answered and came."""

from datetime import datetime, timedelta

from sqlalchemy import text

from services.events.use_cases.past_cafes import KEPT_DAYS, forget_who_came
from tests.events.conftest import Events


async def test_who_answered_and_came_is_forgotten_after_three_months_and_not_before(events: Events) -> None:
    community = await events.community()
    kari, anna = events.person("consultant", community), events.member(community)
    cafe = (await kari.plan())[0]
    await anna.answer(cafe, "come")
    async with events.app.state.sessions() as session, session.begin():
        await session.execute(
            text("INSERT INTO check_ins (gathering_id, alias) VALUES (:cafe, :alias)"),
            {"cafe": cafe, "alias": anna.alias},
        )
    [held] = await events.rows("SELECT starts FROM gatherings WHERE id = :cafe", cafe=cafe)
    starts: datetime = held["starts"]

    async def left(days: int) -> list[int]:
        async with events.app.state.sessions() as session, session.begin():
            await forget_who_came(session, starts.date() + timedelta(days=days))
        tables = ("answers", "check_ins", "gatherings")
        return [len(await events.rows(f"SELECT 1 FROM {table}")) for table in tables]

    assert await left(KEPT_DAYS) == [1, 1, 1]
    assert await left(KEPT_DAYS + 1) == [0, 0, 1]
