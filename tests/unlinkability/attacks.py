"""The attacker: joins the aliases of two stores by what they share, or guesses by pattern. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from math import log, sqrt

from tests.unlinkability.sightings import Dump, Row, Sighting, aliases_in, sightings, values_of
from tests.unlinkability.waiting import as_expected

WINDOWS = {
    "1 s": timedelta(seconds=1),
    "1 min": timedelta(minutes=1),
    "1 h": timedelta(hours=1),
    "1 day": timedelta(days=1),
}
NOTED = ("on disk", "__consumer_offsets")  # tables' pages and consumers' offsets
Standing = tuple[str, Row]  # whose, which
Span = tuple[float, float, str]  # between two moments (one, where the time is exact), whose
Scores = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Store:
    """One alias space as the attacker knows it: its aliases, and where each was seen."""

    dump: Dump
    names: Mapping[str, str]
    seen: Sequence[Sighting]
    noted: Sequence[Sighting] = ()  # in what engines note for themselves
    standing: Sequence[Standing] = ()  # every alias in every row, also where no time is known
    lying: Sequence[Standing] = ()  # the same of what engines note

    @classmethod
    def read(cls, dump: Dump, names: Mapping[str, str]) -> "Store":
        seen: tuple[list[Sighting], ...] = ([], [])
        for sighting in sightings(dump, names):
            seen[_is_noted(sighting.row)].append(sighting)
        stands: tuple[list[Standing], ...] = ([], [])
        for row in dump.rows:
            stands[_is_noted(row)].extend((alias, row) for alias in sorted(aliases_in(row, names)))
        return cls(dump, names, seen[False], seen[True], stands[False], stands[True])

    @cached_property
    def spans(self) -> list[Span]:
        return [_span(sighting) for sighting in self.seen]

    @cached_property
    def noted_spans(self) -> list[Span]:
        return [_span(sighting) for sighting in self.noted]

    @cached_property
    def aliases(self) -> list[str]:
        """Whoever stands there at all, in an order that says nothing."""
        return sorted({alias for alias, _ in [*self.standing, *self.lying]})


def shared_values(one: Store, other: Store) -> list[object]:
    """Values that stand in the rows of only one or two people of each store: they would join them."""
    here, there = values_of(one.dump, one.names), values_of(other.dump, other.names)
    return [value for value in here.keys() & there.keys() if len(here[value]) <= 2 and len(there[value]) <= 2]


def astray(people: Sequence[Mapping[str, str]], places: Mapping[str, str]) -> list[tuple[str, str]]:
    """(store, place) for every alias that stands in a place which isn't its own service's.

    `people`: per person, store → alias; `places`: "forum", "log events.log", … → all that stands there.
    """
    return [
        (store, place)
        for person in people
        for store, alias in person.items()
        for place, content in places.items()
        if place != store.partition(":")[0] and alias in content
    ]


def on_the_way(kafka: Sequence[Row]) -> list[Row]:
    """Records that passed the switchboard, or were to, and can still be read."""
    return [
        row for row in kafka if row.table.startswith(("local.activity", "local.notices", "local.engagement"))
    ]


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
        **{
            f"within {name}, by engines' notes": _cooccurrence(window, noted=True)
            for name, window in WINDOWS.items()
        },
        "order of first appearance": lambda a, b: _by_rank(_first_seen(a), _first_seen(b)),
        "order of transactions": lambda a, b: _by_rank(_first_seen(a), _first_moment(b.standing)),
        "row order": lambda a, b: _by_rank(_first_seen(a), _place(b.standing)),
        "order of transactions on disk": lambda a, b: _by_rank(
            _first_seen(a), _first_moment([*b.standing, *b.lying])
        ),
        "row order on disk": lambda a, b: _by_rank(_first_seen(a), _place(b.lying)),
        "counts per day": _day_by_day,
        "what should be waiting": as_expected,
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


def _cooccurrence(window: timedelta, *, noted: bool = False) -> Callable[[Store, Store], Scores]:
    """How much oftener than others `a` was near where `b` was; rare coincidences weigh more."""

    width = window.total_seconds()

    def spans(store: Store) -> list[Span]:
        found = [*store.spans, *store.noted_spans] if noted else store.spans
        return [span for span in found if span[1] - span[0] <= width]

    def attack(one: Store, other: Store) -> Scores:
        here = spans(one)
        scores = defaultdict[tuple[str, str], float](float)
        for since, until, b in spans(other):
            if since < until:
                near = {a for begin, end, a in here if begin < until and (since < end or since <= begin)}
            else:
                near = {
                    a
                    for begin, end, a in here
                    if (begin <= since < end if begin < end else abs(begin - since) <= width)
                }
            for alias in near:
                scores[alias, b] += log(1 + len(one.aliases) / len(near))
        return scores

    return attack


def _is_noted(row: Row) -> bool:
    return row.table.endswith(NOTED)


def _span(sighting: Sighting) -> Span:
    return sighting.since.timestamp(), sighting.until.timestamp(), sighting.alias


def _first_seen(store: Store) -> dict[str, float]:
    first: dict[str, float] = {}
    for sighting in store.seen:
        at = sighting.since.timestamp()
        first[sighting.alias] = min(at, first.get(sighting.alias, at))
    return first


def _first_moment(rows: Sequence[Standing]) -> dict[str, float]:
    first: dict[str, float] = {}
    for alias, row in rows:
        if row.moment is not None:
            first[alias] = min(row.moment, first.get(alias, row.moment))
    return first


def _place(rows: Sequence[Standing]) -> dict[str, float]:
    """The mean of the first places in each table, by rank."""
    tables = defaultdict[str, dict[str, float]](dict)
    for alias, row in rows:
        known = tables[row.table]
        known[alias] = min(row.place, known.get(alias, row.place))
    places = defaultdict[str, list[float]](list)
    for first in tables.values():
        for alias, rank in _ranks(first).items():
            places[alias].append(rank)
    return {alias: sum(ranks) / len(ranks) for alias, ranks in places.items()}


def _counts(store: Store) -> dict[str, float]:
    return {alias: float(count) for alias, count in Counter(alias for alias, _ in store.standing).items()}


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
