"""One flag per alias and category: raised, lowered, and gone with its owner."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.notifications.flags import Notice, apply_departures, apply_notices
from shared.contracts.payloads.identity import AudienceAlias
from tests.locks import waited_for
from tests.notifications.conftest import Notifications


async def tell(service: Notifications, *notices: Notice) -> None:
    async with service.app.state.sessions() as session, session.begin():
        await apply_notices(session, notices)


async def identity_says(service: Notifications, told: Sequence[AudienceAlias]) -> None:
    async with service.app.state.sessions() as session, session.begin():
        await apply_departures(session, told)


def about(alias: UUID, version: int = 5, *, closed: bool = False, erased: bool = False) -> AudienceAlias:
    return AudienceAlias(id=alias, home="north", version=version, closed=closed, erased=erased)


def new(alias: UUID, category: str) -> Notice:
    return Notice(alias, category, settled=False)


def looked(alias: UUID, category: str) -> Notice:
    return Notice(alias, category, settled=True)


async def test_what_is_new_is_one_flag_per_category_until_looked_at(notifications: Notifications) -> None:
    alias, other = uuid4(), uuid4()
    await tell(
        notifications, new(alias, "cafes"), new(alias, "cafes"), new(alias, "replies"), new(other, "cafes")
    )
    await tell(notifications, new(alias, "cafes"))
    assert await notifications.waiting(alias) == ["cafes", "replies"]
    await tell(notifications, looked(alias, "cafes"))
    assert await notifications.waiting(alias) == ["replies"]
    assert await notifications.waiting(other) == ["cafes"]
    assert await notifications.waiting(uuid4()) == []


async def test_the_last_word_in_a_batch_counts(notifications: Notifications) -> None:
    first, second = uuid4(), uuid4()
    await tell(
        notifications,
        new(first, "cafes"),
        looked(first, "cafes"),
        looked(second, "cafes"),
        new(second, "cafes"),
    )
    assert await notifications.waiting(first) == []
    assert await notifications.waiting(second) == ["cafes"]


@pytest.mark.parametrize("how", ["closed", "erased"])
async def test_who_has_left_has_no_flags_and_gets_none(notifications: Notifications, how: str) -> None:
    alias = uuid4()
    await tell(notifications, new(alias, "cafes"))
    await identity_says(notifications, [about(alias, **{how: True})])
    await tell(notifications, new(alias, "replies"))
    assert await notifications.rows("SELECT * FROM waiting") == []
    for path in ("/waiting", "/export"):
        refused = await notifications.get(path, alias)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/account-closed")


async def test_erased_is_the_last_word_and_closed_is_not(notifications: Notifications) -> None:
    closed, erased = uuid4(), uuid4()
    await identity_says(notifications, [about(closed, closed=True), about(erased, erased=True)])
    await identity_says(notifications, [about(closed, version=4), about(erased, version=4)])
    assert (await notifications.get("/waiting", closed)).status_code == 403, "an older word changes nothing"
    await identity_says(notifications, [about(closed, version=6), about(erased, version=6)])
    await tell(notifications, new(closed, "cafes"), new(erased, "cafes"))
    assert await notifications.waiting(closed) == ["cafes"]
    assert (await notifications.get("/waiting", erased)).status_code == 403


async def test_a_departure_waits_for_a_notice_in_hand_and_takes_its_flag_along(
    notifications: Notifications,
) -> None:
    alias = uuid4()
    async with notifications.app.state.sessions() as session, session.begin():
        await apply_notices(session, [new(alias, "cafes")])
        departing = asyncio.create_task(identity_says(notifications, [about(alias, erased=True)]))
        await waited_for(session)
        assert not departing.done()
    await departing
    assert await notifications.rows("SELECT * FROM waiting") == []


async def test_an_alias_of_which_nothing_is_new_is_not_kept(notifications: Notifications) -> None:
    alias = uuid4()
    await identity_says(notifications, [about(alias)])
    for path in ("/waiting", "/export"):
        assert (await notifications.get(path, alias)).status_code == 200
    for table in ("waiting", "departed"):
        assert await notifications.rows(f"SELECT * FROM {table}") == []


async def test_export_is_all_that_is_kept(notifications: Notifications) -> None:
    alias = uuid4()
    await tell(notifications, new(alias, "moderation"))
    assert (await notifications.get("/export", alias)).json() == {"waiting": ["moderation"]}


async def test_only_members_and_consultants_have_notices(notifications: Notifications) -> None:
    for path in ("/waiting", "/export"):
        assert (await notifications.get(path, uuid4(), "consultant")).status_code == 200
        for role in ("provider", "analyst", "operator"):
            assert (await notifications.get(path, uuid4(), role)).status_code == 403
        assert (await notifications.client.get(path)).status_code == 401


async def test_rows_of_flags_dont_tell_since_when_something_waits(notifications: Notifications) -> None:
    raised = [uuid4() for _ in range(20)]
    for alias in raised:
        await tell(notifications, new(alias, "replies"))
    async with notifications.app.state.sessions() as session:
        kept = (
            await session.execute(text("SELECT xmin::text AS moment, alias FROM waiting ORDER BY ctid"))
        ).all()
    assert len({row.moment for row in kept}) == 1
    in_order = [row.alias for row in kept if row.alias in set(raised)]
    assert sorted(in_order) == sorted(raised)
    assert in_order != raised
