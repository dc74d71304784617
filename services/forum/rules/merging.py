"""Which of two states of one entity stands.

Each entity has one writer, which gives no version twice. So states are totally ordered, and merging is taking the
higher: commutative, associative, idempotent. An erased state is above all that aren't: it is the last.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from shared.contracts.payloads.payload import State

R = TypeVar("R")
S = TypeVar("S", bound=State)


def rank(state: State) -> tuple[bool, int]:
    """Where a state stands among those of its entity. In SQL: `(erased, version)`."""
    return state.erased, state.version


def merged(one: S | None, other: S) -> S:
    """The state that stands of the two."""
    return other if one is None or rank(other) > rank(one) else one


def highest(records: Iterable[R], whose: Callable[[R], Hashable], state: Callable[[R], State]) -> list[R]:
    """Of each entity (`whose`) the record whose state stands; what a batch comes to."""
    found: dict[Hashable, R] = {}
    for record in records:
        entity = whose(record)
        known = found.get(entity)
        if known is None or rank(state(record)) > rank(state(known)):
            found[entity] = record
    return list(found.values())


def is_to_be_published_again(*, erased: bool, version: int, last_read: int, highest_read: int | None) -> bool:
    """Whether a home publishes its row (`erased`, `version`) again, having read its own topic back.

    `last_read` is the version that came last, which is what compaction keeps; `highest_read` the highest that ever
    came. An older state that came last must be followed by the newest; an erased row that the topic has written to
    since (by a database that was set back) needs a version above that.
    """
    newest = max(last_read, highest_read if highest_read is not None else last_read)
    return last_read < newest or (erased and newest > version)
