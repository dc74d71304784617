"""What ended after a backup ends again in the restored database, though no alias of then leads to its person."""

import json
from base64 import b64decode
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.identity.models.credentials import Consent
from services.identity.models.participants import Participant
from services.identity.switchboard import endings, erasure, last_words
from services.identity.use_cases import account, restoring
from shared import clock
from shared.contracts.payloads.identity import EndingSealed
from shared.contracts.topics import ENDINGS
from tests.identity_switchboard.conftest import Board

# What a backup brings back of somebody, and what it doesn't know.
ACCOUNT = ("participants", "participant_communities", "consents")
SINCE = ("aliases", "participant_aliases", "last_words", "endings_due", *reversed(ACCOUNT))


async def backs_up(board: Board) -> None:
    async with board.sessions.begin() as session:
        for table in ACCOUNT:
            await session.execute(text(f"CREATE TABLE backup_{table} AS TABLE {table}"))


async def restores(board: Board) -> list[str]:
    """The database as it was, what identity's own topic says read back; returns what was done again."""
    await board.say_endings()
    kept = [EndingSealed.model_validate(row.payload) for row in await board.published(ENDINGS)]
    async with board.sessions.begin() as session:
        for table in SINCE:
            await session.execute(text(f"DELETE FROM {table}"))
        for table in ACCOUNT:
            await session.execute(text(f"INSERT INTO {table} SELECT * FROM backup_{table}"))
        await last_words.keep(session, ENDINGS, kept)
    async with board.sessions() as session:
        ended = await restoring.endings_since(session)
    for ending in (*ended, *ended):  # interrupted, it is all done once more
        async with board.sessions.begin() as session:
            await restoring.end_again(session, ending)
    return [ending.what for ending in ended]


async def standing(board: Board) -> dict[UUID, tuple[str, bool]]:
    rows = await board.fetch("SELECT id, status, research FROM participants")
    return {row.id: (row.status, row.research) for row in rows}


async def decides(board: Board, somebody: UUID, *, consent: bool) -> None:
    async with board.sessions.begin() as session:
        participant = await session.get_one(Participant, somebody)
        await account.decide_on_research(session, participant, consent=consent, language="en")


async def joins_with_a_yes(board: Board) -> UUID:
    somebody = await board.joins()
    async with board.sessions.begin() as session:
        session.add(Consent.state(somebody, "research", "1", "nb", True, on=clock.today(), position=1))
    return somebody


async def statements(board: Board, somebody: UUID) -> list[bool]:
    query = "SELECT given FROM consents WHERE participant_id = :somebody ORDER BY position"
    return [row.given for row in await board.fetch(query, somebody=somebody)]


async def test_whoever_left_or_was_closed_is_so_again_although_all_their_aliases_are_newer(
    board: Board,
) -> None:
    left, closed, stays = await board.joins(), await board.joins(), await board.joins()
    await backs_up(board)
    for somebody in (left, closed, stays):
        for audience in ("forum", "events"):
            await board.alias(somebody, audience)
    async with board.sessions.begin() as session:
        await erasure.erase(session, left)
        await erasure.close(session, closed)
    assert sorted(await restores(board)) == ["closed", "erased"]
    assert await standing(board) == {closed: ("closed", False), stays: ("active", True)}
    await board.clear()
    await board.say_endings()
    assert not await board.published(ENDINGS), "it stands on the topic already"


async def test_whoever_withdrew_without_a_study_withdraws_again(board: Board) -> None:
    withdrew, stays = await joins_with_a_yes(board), await joins_with_a_yes(board)
    await backs_up(board)
    await decides(board, withdrew, consent=False)
    assert await restores(board) == ["withdrew"]
    assert await standing(board) == {withdrew: ("active", False), stays: ("active", True)}
    assert await statements(board, withdrew) == [True, False]


async def test_a_no_that_was_followed_by_a_yes_before_the_backup_is_not_repeated(board: Board) -> None:
    somebody = await joins_with_a_yes(board)
    for consent in (False, True):
        await decides(board, somebody, consent=consent)
    await backs_up(board)
    assert await restores(board) == ["withdrew"]
    assert await standing(board) == {somebody: ("active", True)}
    assert await statements(board, somebody) == [True, False, True]


async def test_what_ended_is_said_at_once_and_tells_nothing(board: Board) -> None:
    people = {what: await joins_with_a_yes(board) for what in endings.WHATS}
    async with board.sessions.begin() as session:
        await erasure.erase(session, people["erased"])
        await erasure.close(session, people["closed"])
    await decides(board, people["withdrew"], consent=False)
    await board.say_endings()
    said = await board.published(ENDINGS)
    assert len(said) == 3
    assert len({len(json.dumps(row.payload)) for row in said}) == 1, "one is as long as the other"
    assert {row.payload["version"] for row in said} == {1}
    assert all(row.occurred_at.hour == row.occurred_at.minute == 0 for row in said)
    for row in said:
        assert UUID(row.key).version == 4
        for somebody in people.values():
            assert somebody.bytes not in b64decode(row.payload["sealed"])
            assert str(somebody) not in json.dumps(row.payload)


async def test_a_record_under_another_key_doesnt_open(board: Board) -> None:
    await backs_up(board)
    somebody = await board.joins()
    async with board.sessions.begin() as session:
        await erasure.erase(session, somebody)
    await board.say_endings()
    (said,) = await board.published(ENDINGS)
    moved = EndingSealed.model_validate(said.payload | {"id": uuid4()})
    async with board.sessions.begin() as session:
        await session.execute(text("DELETE FROM last_words"))
        await last_words.keep(session, ENDINGS, [moved])
    async with board.sessions() as session:
        with pytest.raises(ValueError, match="sealed for another context"):
            await restoring.endings_since(session)
