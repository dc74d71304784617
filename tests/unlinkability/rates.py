"""How much may be named rightly, and the table in docs/threat-model.md, written where RATES=write says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
BEGIN = "<!-- join rates: written by tests/unlinkability (RATES=write), don't edit -->"
END = "<!-- join rates end -->"
AT_MOST = 3.0  # of 29, whatever forum, events and notifications say of each other
# Analytics has what people consented to: acts by day, under aliases of their own. More than AT_MOST only with a reason.
CEILINGS = {
    # Who joined in which month, as the forum's names appear: of each month chance alone names about one.
    ("forum", "analytics:membership"): 6.0,
    ("forum", "analytics:forum"): 29.0,  # the same acts in both: by counting them per day
    ("forum", "analytics:events"): 14.0,  # café days on which people were in the forum too
    # Thirteen people, so coincidences of what they do weigh more: 1.2 and 2.2 in runs of one plan.
    ("notifications", "analytics:events"): 4.0,
    ("events", "analytics:forum"): 5.0,  # the same days; between 0.3 and 3.5 in ten runs
    ("analytics:membership", "analytics:forum"): 6.0,  # the month of joining, the first act
    ("analytics:forum", "analytics:events"): 12.0,  # days of both
}
# In no copy more than this, or its ceiling: chance has never named more than 9, and a leak of one study alone is no mean.
LUCKIEST = 13.0
# Of a ceiling. Runs of one plan differed by up to a third of it: 1.0 of 3, 2.0 of 6.
NEAR = 0.4
HEADING = "| stores | people in both | best attack | named rightly | luckiest copy | by chance |\n|---|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Rate:
    """Of `people` who stand in both stores, how many each attack named rightly, in each copy."""

    stores: tuple[str, str]
    people: int
    candidates: int
    copies: Sequence[Mapping[str, float]]

    @property
    def right(self) -> dict[str, float]:
        """Attack → how many it names rightly, in the mean over the copies."""
        return {
            attack: sum(right[attack] for right in self.copies) / len(self.copies)
            for attack in self.copies[0]
        }

    @property
    def best(self) -> str:
        """The attack that was best in the mean, as one knows afterwards."""
        return max(self.right, key=lambda attack: self.right[attack])

    @property
    def named(self) -> float:
        """By the best attack."""
        return self.right[self.best]

    @property
    def luckiest(self) -> float:
        """By whatever attack in whatever copy did best."""
        return max(max(right.values()) for right in self.copies)

    @property
    def ceiling(self) -> float:
        """How many may be named rightly, in the mean over the copies."""
        return CEILINGS.get(self.stores, AT_MOST)

    @property
    def is_over(self) -> bool:
        """Whether more is named than may be, in the mean or in one copy."""
        return self.named > self.ceiling or self.luckiest > max(self.ceiling, LUCKIEST)

    @property
    def told(self) -> str:
        """What each attack achieved, for people who read the run."""
        return f"{' × '.join(self.stores)}: " + ", ".join(f"{name} {n:.1f}" for name, n in self.right.items())

    @property
    def line(self) -> str:
        one, other = self.stores
        chance = self.people / max(1, self.candidates)
        return f"| {one} × {other} | {self.people} | {self.best} | {self.named:.1f} | {self.luckiest:.1f} | {chance:.1f} |\n"


def table(rates: list[Rate]) -> str:
    """The section's content."""
    return HEADING + "".join(rate.line for rate in rates)


def write(rates: list[Rate]) -> None:
    """Put the table into its section. Raises LookupError where that isn't."""
    before, _, after = _sections()
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(rates)}{END}{after}")


def written() -> dict[str, float]:
    """Named rightly, by pair, as the document says. Raises LookupError where it says nothing."""
    _, section, _ = _sections()
    cells = [line.split(" | ") for line in section.splitlines() if " × " in line]
    return {row[0].removeprefix("| "): float(row[3]) for row in cells}


def told_otherwise(rates: list[Rate], known: Mapping[str, float]) -> list[str]:
    """The pairs of which the document says something else than the run, beyond what chance makes of it."""
    return [
        rate.told for rate in rates if abs(rate.named - known[" × ".join(rate.stores)]) > NEAR * rate.ceiling
    ]


def _sections() -> tuple[str, str, str]:
    """The document before its table, the table, and after it."""
    before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    section, end, after = rest.partition(END)
    if not (begin and end):
        raise LookupError(f"{DOCUMENT} has no place for the rates: {BEGIN} … {END}")
    return before, section, after
