"""The join table: aliases are drawn, belong to one audience, and lie sealed."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.identity.switchboard import addresses
from tests.identity_switchboard.conftest import Board


async def test_an_alias_stays_the_same_and_leads_back(board: Board) -> None:
    somebody = await board.joins()
    alias = await board.alias(somebody, "forum")
    assert await board.alias(somebody, "forum") == alias
    assert alias.version == 4
    async with board.sessions() as session:
        assert await addresses.participant_of(session, "forum", alias) == somebody


async def test_an_alias_is_nobodys_at_another_audience(board: Board) -> None:
    somebody = await board.joins()
    forum, events = await board.alias(somebody, "forum"), await board.alias(somebody, "events")
    assert forum != events
    async with board.sessions() as session:
        assert await addresses.participant_of(session, "events", forum) is None
        assert await addresses.participants_of(session, "forum", [forum, events, uuid4()]) == {
            forum: somebody
        }


async def test_two_first_requests_at_once_get_one_alias(board: Board) -> None:
    people = [await board.joins() for _ in range(5)]

    async def all_of_them(order: list) -> dict:  # type: ignore[type-arg]
        async with board.sessions.begin() as session:
            return await addresses.aliases_of(session, order, "forum")

    answers = await asyncio.gather(*(all_of_them(people[i:] + people[:i]) for i in range(5)))
    assert len({tuple(answer[p] for p in people) for answer in answers}) == 1
    assert len(await board.fetch("SELECT 1 FROM aliases")) == len(people)


async def test_nobody_who_left_is_given_an_alias(board: Board) -> None:
    async with board.sessions.begin() as session:
        with pytest.raises(addresses.ParticipantGone):
            await addresses.alias_of(session, uuid4(), "forum")


async def test_the_database_alone_doesnt_tell_whose_an_alias_is(board: Board) -> None:
    somebody = await board.joins()
    alias = await board.alias(somebody, "forum")
    for table in ("aliases", "participant_aliases"):
        rows = await board.fetch(f"SELECT t::text AS line, * FROM {table} t")
        stored = b"".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)
        assert alias.bytes not in stored
        assert str(alias).encode() not in stored
        if table == "aliases":
            assert somebody.bytes not in stored
            assert str(somebody).encode() not in stored


async def test_a_sealed_owner_opens_for_no_other_alias(board: Board) -> None:
    mine, yours = await board.joins(), await board.joins()
    alias = await board.alias(mine, "forum")
    await board.alias(yours, "forum")
    async with board.sessions.begin() as session:
        await session.execute(
            text("UPDATE aliases a SET participant_sealed = b.participant_sealed FROM aliases b WHERE a <> b")
        )
        with pytest.raises(ValueError, match="another context"):
            await addresses.participant_of(session, "forum", alias)
