"""Work in many small parts, of which some may take long: the loop has its turns meanwhile."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

A_TURN = 0.02  # seconds: ordinary batches need no more, and nothing is handed to a thread
A_WHILE = 0.5  # seconds: how long a thread goes on for somebody who has given up


async def in_turns(make: Callable[[T], R], of: Sequence[T]) -> list[R]:
    """What `make` makes of each; what isn't made at once, in a thread. Raises what `make` raises."""
    rest = iter(of)
    made = _some(make, rest, A_TURN)
    while len(made) < len(of):
        made += await asyncio.to_thread(_some, make, rest, A_WHILE)
    return made


def _some(make: Callable[[T], R], rest: Iterator[T], seconds: float) -> list[R]:
    until = monotonic() + seconds
    made = []
    for one in rest:
        made.append(make(one))
        if monotonic() > until:
            break
    return made
