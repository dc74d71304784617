"""What a benchmark line is, and how ours and the peer are measured: interleaved, several rounds, the median ratio."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

Measure = Callable[[], Awaitable[float]]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Line:
    """A ratio to hold. `peer` names what ours is divided by."""

    name: str
    peer: str
    floor: float
    goal: float
    better: Better = "higher"


@dataclass
class Result:
    """A measured line. `ours` and `theirs` are per round, in the unit the line's module states."""

    line: Line
    ours: list[float]
    theirs: list[float]
    notes: str = ""
    latencies: dict[str, list[float]] = field(default_factory=dict)  # label → seconds, for the picture

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: each round's two measurements stand side by side in time.

        To three places: what is kept and shown is what is judged.
        """
        rounds = (mine / their for mine, their in zip(self.ours, self.theirs, strict=True))
        return round(statistics.median(rounds), 3)


async def interleaved(line: Line, ours: Measure, theirs: Measure, *, rounds: int = 3) -> Result:
    """Measure the two in turn, the order swapped each round, so that neither always meets the warmer machine."""
    mine: list[float] = []
    their: list[float] = []
    for number in range(rounds):
        for measure, into in [(ours, mine), (theirs, their)][:: 1 if number % 2 else -1]:
            into.append(await measure())
    return Result(line, mine, their)
