"""Stores records together where that can be, and finds those among them that can't be stored at all."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from shared.bus.records import Received, Unstorable
from shared.database.faults import outlasted, sqlstate_of

PORTION_BYTES = 1024 * 1024  # of bodies, in one transaction: 500 ordinary records are half of it
# SQLSTATE classes: data exception (asyncpg's own where it can't encode a value, too), integrity constraint violation,
# program limit exceeded (too long for an index, or to be searched in).
RECORDS_OWN_FAULT = ("22", "23", "54")
TOO_SLOW = "too-slow"

Store = Callable[[list[Received[Any]]], Awaitable[None]]


async def store_or_halve(
    store: Store, received: list[Received[Any]], *, patient: bool = False
) -> list[tuple[Received[Any], str]]:
    """Store what can be stored, in portions and by halves; returns what can't, each with a code.

    What outlasts a transaction by itself may do so because the database is busy: `patient` raises that. Raises whatever
    isn't the records' own fault.
    """
    refused = []
    for portion in portions(received):
        refused += await _store_or_halve(store, portion, patient=patient)
    return refused


async def _store_or_halve(
    store: Store, received: list[Received[Any]], *, patient: bool
) -> list[tuple[Received[Any], str]]:
    try:
        await store(received)
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        if len(received) == 1:
            if patient and fault == TOO_SLOW:
                raise
            return [(received[0], fault)]
    else:
        return []
    middle = len(received) // 2
    return [
        *await _store_or_halve(store, received[:middle], patient=patient),
        *await _store_or_halve(store, received[middle:], patient=patient),
    ]


def portions(received: list[Received[Any]]) -> Iterator[list[Received[Any]]]:
    """The records in their order, about so many bytes of bodies at a time."""
    portion: list[Received[Any]] = []
    size = 0
    for record in received:
        portion.append(record)
        size += len(record.body)
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def fault_of(error: BaseException) -> str | None:
    """A code when fewer records, or others, would have been stored; None for whatever another attempt may mend."""
    if isinstance(error, Unstorable):
        return "unstorable"
    if outlasted(error):
        return TOO_SLOW
    state = sqlstate_of(error)
    return f"sqlstate-{state}" if state is not None and state[:2] in RECORDS_OWN_FAULT else None
