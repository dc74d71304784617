"""Unmistakable names, addresses, e-mail addresses and phone numbers, typed where people may type, sought everywhere."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

LETTERS = "bcdfghjklmnpqrstvwxz"
LENGTH = 12  # of a trace: a word of such letters, or a number
RUNS = re.compile(rf"[{LETTERS}{LETTERS.upper()}]{{{LENGTH},}}|[0-9]{{{LENGTH},}}".encode())


@dataclass(frozen=True, slots=True)
class Canary:
    """What was typed into one field, and the places where it may stand."""

    field: str
    traces: tuple[bytes, ...]
    belongs: frozenset[str]


@dataclass
class Canaries:
    """All that were set free."""

    kept: list[Canary] = field(default_factory=list)

    def text(self, where: str, *belongs: str) -> str:
        """A sentence with a name, an address, an e-mail address and a phone number that nothing else contains."""
        name, number = _word().title(), str(secrets.randbelow(9 * 10**11) + 10**11)
        self._set_free(where, belongs, name, number)
        return f"{name} Hansen, {name}gata 7, {name}@example.org, +47 {number}"

    def name(self, where: str, *belongs: str) -> str:
        """A name where only a name is taken."""
        name = f"{_word()} {_word()}".title()
        self._set_free(where, belongs, *name.split())
        return name

    def astray(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """'field in place' for every canary that stands where it doesn't belong. `places`: name and all its bytes."""
        fields = {trace: canary for canary in self.kept for trace in canary.traces}
        return sorted(
            {
                f"{fields[trace].field} in {place}"
                for place, content in places
                for trace in fields.keys() & traces_in(content)
                if place not in fields[trace].belongs
            }
        )

    def _set_free(self, where: str, belongs: Iterable[str], *traces: str) -> None:
        self.kept.append(Canary(where, tuple(trace.lower().encode() for trace in traces), frozenset(belongs)))


def traces_in(content: bytes) -> set[bytes]:
    """All that could be a trace, in lower case."""
    return {
        run[start : start + LENGTH]
        for run in map(bytes.lower, RUNS.findall(content))
        for start in range(len(run) - LENGTH + 1)
    }


def _word() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
