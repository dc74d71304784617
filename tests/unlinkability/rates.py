"""The table of join rates in docs/threat-model.md: written by the test where RATES=write says so, checked otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
BEGIN = "<!-- join rates: written by tests/unlinkability (RATES=write), don't edit -->"
END = "<!-- join rates end -->"
HEADING = "| stores | people in both | best attack | named rightly | by chance |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Rate:
    """Of `people` who stand in both stores, how many the best attack named rightly."""

    stores: tuple[str, str]
    people: int
    candidates: int
    right: Mapping[str, float]

    @property
    def best(self) -> str:
        return max(self.right, key=lambda attack: self.right[attack])

    @property
    def named(self) -> float:
        return self.right[self.best]

    @property
    def line(self) -> str:
        one, other = self.stores
        chance = self.people / max(1, self.candidates)
        return f"| {one} × {other} | {self.people} | {self.best} | {self.named:.1f} | {chance:.1f} |\n"


def table(rates: list[Rate]) -> str:
    """The section's content."""
    return HEADING + "".join(rate.line for rate in rates)


def write(rates: list[Rate]) -> None:
    """Put the table into its section, made before *What remains* at the first time."""
    document = DOCUMENT.read_text()
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(rates)}{END}{after}")


def written() -> dict[str, float]:
    """Named rightly, by pair, as the document says."""
    section = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    cells = [line.split(" | ") for line in section.splitlines() if " × " in line]
    return {row[0].removeprefix("| "): float(row[3]) for row in cells}
