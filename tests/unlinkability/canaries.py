"""Unmistakable names, addresses, e-mail addresses and phone numbers, typed where people may type, sought everywhere."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

LETTERS = "bcdfghjklmnpqrstvwxz"


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
        found = []
        for place, content in places:
            lower = content.lower()
            found += [
                f"{canary.field} in {place}"
                for canary in self.kept
                if place not in canary.belongs and any(trace in lower for trace in canary.traces)
            ]
        return found

    def _set_free(self, where: str, belongs: Iterable[str], *traces: str) -> None:
        self.kept.append(Canary(where, tuple(trace.lower().encode() for trace in traces), frozenset(belongs)))


def _word() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(12))
