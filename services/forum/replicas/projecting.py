"""After an upgrade columns are filled again from the records as they came, which kept what the release before didn't know."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

import json
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.replicas.tables import Table
from services.forum.replicas.turns import in_turns
from shared.contracts.payloads.payload import Payload

AT_ONCE = 500  # rows filled in one transaction
LOWEST = {"uuid": UUID(int=0), "text": ""}
_log = structlog.get_logger()


async def project_again(sessions: async_sessionmaker[AsyncSession], tables: Iterable[Table]) -> int:
    """Fill the rows of all `tables` that an earlier projection filled; returns how many. Going on anew does no harm."""
    filled = 0
    for table in tables:
        after: Any = LOWEST[table.id_type]
        while after is not None:
            after, some = await _some(sessions, table, after)
            filled += some
    if filled:
        _log.info("columns were filled again from records as they came", count=filled)
    return filled


async def _some(sessions: async_sessionmaker[AsyncSession], table: Table, after: Any) -> tuple[Any, int]:
    """One page of rows by id: where to go on (None at the end), and how many were filled.

    They are made between two transactions: texts may take longer than one. What is changed meanwhile is left to whoever
    changed it.
    """
    old = text(
        f"SELECT t.id, t.received FROM {table.name} t WHERE t.id > :after AND t.projection < {table.projection}"
        f" ORDER BY t.id LIMIT {AT_ONCE}"
    )
    async with sessions() as session:
        found = (await session.execute(old, {"after": after})).all()
    # Null: written by this region itself, whose columns are all there is.
    received = [row.received for row in found if row.received is not None]
    rows = [row for row in await in_turns(partial(_row, table), received) if row is not None]
    done = text(
        f"UPDATE {table.name} SET projection = {table.projection} WHERE id = ANY (:ids) AND received IS NULL"
    )
    async with sessions() as session, session.begin():
        if rows:
            await session.execute(table.project, {"records": json.dumps(rows)})
        if found:
            await session.execute(done, {"ids": [row.id for row in found]})
    if len(rows) < len(received):
        _log.error("records that came can't be read any more", count=len(received) - len(rows))
    return (found[-1].id if found else None), len(rows)


def _row(table: Table, received: object) -> dict[str, object] | None:
    state = _read(table, received)
    return None if state is None else table.row(state, received)


def _read(table: Table, received: object) -> Payload | None:
    """By the newest major version of the payload that fits; the row doesn't say which it was."""
    body = json.dumps(received)
    for model in reversed(table.topic.payloads):
        try:
            return model.model_validate_json(body)
        except ValidationError:
            continue
    return None
