"""The attacker: joins the aliases of two stores by what they share, or guesses by pattern. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from math import log, sqrt

from tests.unlinkability.sightings import Dump, Sighting, aliases_in, sightings, values_of

WINDOWS = {
    "1 s": timedelta(seconds=1),
    "1 min": timedelta(minutes=1),
    "1 h": timedelta(hours=1),
    "1 day": timedelta(days=1),
}
Scores = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Store:
    """One alias space as the attacker knows it: its aliases, and where each was seen."""

    dump: Dump
    names: Mapping[str, str]
    seen: Sequence[Sighting]

    @classmethod
    def read(cls, dump: Dump, names: Mapping[str, str]) -> "Store":
        return cls(dump, names, sightings(dump, names))

    @cached_property
    def aliases(self) -> list[str]:
        """Whoever stands there at all, in an order that says nothing."""
        return sorted({alias for row in self.dump.rows for alias in aliases_in(row, self.names)})


def shared_values(one: Store, other: Store) -> list[object]:
    """Values that stand in the rows of only one or two people of each store: they would join them."""
    here, there = values_of(one.dump, one.names), values_of(other.dump, other.names)
    return [value for value in here.keys() & there.keys() if len(here[value]) <= 2 and len(there[value]) <= 2]


def named_rightly(scores: Scores, partners: Mapping[str, str], candidates: Sequence[str]) -> float:
    """How many people's partner is the attacker's first choice. Equal first choices are drawn by lot."""
    right = 0.0
    for alias, partner in partners.items():
        best = max(scores.get((alias, other), 0.0) for other in candidates)
        choices = [other for other in candidates if scores.get((alias, other), 0.0) >= best - 1e-12]
        right += (partner in choices) / len(choices)
    return right


def attacks() -> dict[str, Callable[[Store, Store], Scores]]:
    """All patterns the attacker tries, by name."""
    return {
        **{f"within {name}": _cooccurrence(window) for name, window in WINDOWS.items()},
        "order of first appearance": lambda a, b: _by_rank(_first_seen(a), _first_seen(b)),
        "order of transactions": lambda a, b: _by_rank(_first_seen(a), _first_moment(b)),
        "row order": lambda a, b: _by_rank(_first_seen(a), _place(b)),
        "counts per day": _day_by_day,
        "counts in all": lambda a, b: _by_rank(_counts(a), _counts(b)),
    }


def tried(one: Store, other: Store, partners: Mapping[str, str]) -> dict[str, float]:
    """What each attack, and all together, named rightly, the better of both directions.

    `partners`: alias in `one` → the same person's in `other`; only who is in both can be found.
    """
    back = {partner: alias for alias, partner in partners.items()}
    right, together = {}, defaultdict[tuple[str, str], float](float)
    for name, attack in attacks().items():
        there, here = attack(one, other), _turned(attack(other, one))
        right[name] = max(
            named_rightly(there, partners, other.aliases), named_rightly(_turned(here), back, one.aliases)
        )
        for pair, score in _standardised(there).items():
            together[pair] += score
    right["all together"] = named_rightly(together, partners, other.aliases)
    return right


def _turned(scores: Scores) -> dict[tuple[str, str], float]:
    return {(b, a): score for (a, b), score in scores.items()}


def _standardised(scores: Scores) -> dict[tuple[str, str], float]:
    if not scores:
        return {}
    mean = sum(scores.values()) / len(scores)
    spread = sqrt(sum((score - mean) ** 2 for score in scores.values()) / len(scores))
    return {pair: (score - mean) / spread for pair, score in scores.items()} if spread else {}


def _cooccurrence(window: timedelta) -> Callable[[Store, Store], Scores]:
    """How much oftener than others `a` was near where `b` was; rare coincidences weigh more."""

    def attack(one: Store, other: Store) -> Scores:
        exact = [sighting for sighting in one.seen if sighting.vagueness <= window]
        scores = defaultdict[tuple[str, str], float](float)
        for b in other.seen:
            if b.vagueness <= window:
                near = {a.alias for a in exact if _near(a, b, window)}
                for alias in near:
                    scores[alias, b.alias] += log(1 + len(one.aliases) / len(near))
        return scores

    return attack


def _near(a: Sighting, b: Sighting, window: timedelta) -> bool:
    if a.vagueness or b.vagueness:  # days: the same one
        return (
            (a.since < b.until and b.since < a.until)
            or b.since <= a.since < b.until
            or a.since <= b.since < a.until
        )
    return abs(a.since - b.since) <= window


def _first_seen(store: Store) -> dict[str, float]:
    first: dict[str, float] = {}
    for sighting in store.seen:
        at = sighting.since.timestamp()
        first[sighting.alias] = min(at, first.get(sighting.alias, at))
    return first


def _first_moment(store: Store) -> dict[str, float]:
    return _first(store, lambda sighting: sighting.row.moment)


def _place(store: Store) -> dict[str, float]:
    """The mean of the places in each table, by rank."""
    tables = defaultdict[str, dict[str, float]](dict)
    for sighting in store.seen:
        known = tables[sighting.row.table]
        known[sighting.alias] = min(sighting.row.place, known.get(sighting.alias, sighting.row.place))
    places = defaultdict[str, list[float]](list)
    for first in tables.values():
        for alias, rank in _ranks(first).items():
            places[alias].append(rank)
    return {alias: sum(ranks) / len(ranks) for alias, ranks in places.items()}


def _first(store: Store, what: Callable[[Sighting], int | None]) -> dict[str, float]:
    first: dict[str, float] = {}
    for sighting in store.seen:
        value = what(sighting)
        if value is not None:
            first[sighting.alias] = min(value, first.get(sighting.alias, value))
    return first


def _counts(store: Store) -> dict[str, float]:
    return {alias: float(count) for alias, count in Counter(one.alias for one in store.seen).items()}


def _day_by_day(one: Store, other: Store) -> Scores:
    """Cosine of the two day-by-day counts."""
    here, there = _per_day(one), _per_day(other)
    return {
        (a, b): sum(count * there[b][day] for day, count in here[a].items())
        / (_length(here[a]) * _length(there[b]))
        for a in here
        for b in there
    }


def _per_day(store: Store) -> dict[str, Counter[object]]:
    days = defaultdict[str, Counter[object]](Counter)
    for sighting in store.seen:
        if sighting.day is not None:
            days[sighting.alias][sighting.day] += 1
    return dict(days)


def _length(counts: Counter[object]) -> float:
    return sqrt(sum(count * count for count in counts.values()))


def _ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Each one's place between 0 and 1; equal values share theirs."""
    ordered = sorted(values.values())
    last = max(1, len(ordered) - 1)
    return {
        alias: (ordered.index(value) + len(ordered) - 1 - ordered[::-1].index(value)) / 2 / last
        for alias, value in values.items()
    }


def _by_rank(here: Mapping[str, float], there: Mapping[str, float]) -> Scores:
    one, other = _ranks(here), _ranks(there)
    return {(a, b): 1 - abs(one[a] - other[b]) for a in one for b in other}
