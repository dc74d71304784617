"""What an attacker reads out of copies: whose alias stood where, when, and in which order. Pure functions on dumps."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

UUID_LIKE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$")
NAME = re.compile(r"[a-z_]+")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DAY = timedelta(days=1)
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row or record. `place`: where it stands in its table or partition; `moment`: its transaction's number."""

    table: str
    values: Mapping[str, Any]
    place: int
    moment: int | None = None


@dataclass
class Dump:
    """A copy of all that one alias space has: a service's tables and the records under its aliases."""

    store: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sighting:
    """An alias in a row, between two moments (equal where the time is exact), as far as the copy tells."""

    alias: str
    row: Row
    since: datetime
    until: datetime

    @property
    def vagueness(self) -> timedelta:
        return self.until - self.since

    @property
    def day(self) -> date | None:
        """The one day on which it happened, if that is known."""
        return (
            self.since.date()
            if self.since.date() == (self.until - timedelta(microseconds=1)).date()
            or (self.since == self.until)
            else None
        )


def atoms(value: Any) -> Iterator[str | bytes | datetime | date | int]:
    """All single values in a column or record, whatever it is nested in; keys too, unless they are names of columns."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not (isinstance(key, str) and NAME.fullmatch(key)):
                yield from atoms(key)
            yield from atoms(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from atoms(inner)
    elif isinstance(value, str | bytes | datetime | date) or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        yield value
    elif value is not None and not isinstance(value, bool | float):
        yield str(value)


def aliases_in(row: Row, names: Mapping[str, str]) -> set[str]:
    """Whose row it is: `names` maps an alias, or an id that stands for one in that store, to the alias."""
    return {names[value] for value in atoms(row.values) if isinstance(value, str) and value in names}


def sightings(dump: Dump, names: Mapping[str, str]) -> list[Sighting]:
    """Every alias in every row, with the time the row tells; else its transaction's; else what order tells."""
    days = _days_of_things(dump)
    told = {id(row): span for row in dump.rows if (span := _told(row, days)) is not None}
    shared = _by_transaction(dump.rows, told)
    order = sorted((moment, span) for moment, span in shared.items())
    found = []
    for row in dump.rows:
        span = told.get(id(row)) or (shared.get(row.moment) if row.moment is not None else None)
        if span is None and row.moment is not None and order:
            span = _between(row.moment, order)
        if span is not None:
            found += [Sighting(alias, row, *span) for alias in aliases_in(row, names)]
    return found


def _told(row: Row, days: Mapping[str, date]) -> tuple[datetime, datetime] | None:
    exact = [value for value in atoms(row.values) if isinstance(value, datetime)]
    if exact:
        return min(exact), min(exact)
    dated = [value for value in atoms(row.values) if type(value) is date]
    dated += [days[value] for value in atoms(row.values) if isinstance(value, str) and value in days]
    if not dated:
        return None
    start = datetime.combine(min(dated), time(), UTC)
    return start, start + DAY


def _days_of_things(dump: Dump) -> dict[str, date]:
    """Cafés by id: when they are is public."""
    return {
        str(row.values["id"]): row.values["starts"].date()
        for row in dump.rows
        if row.table == "gatherings" and isinstance(row.values.get("starts"), datetime)
    }


def _by_transaction(
    rows: Iterable[Row], told: Mapping[int, tuple[datetime, datetime]]
) -> dict[int, tuple[datetime, datetime]]:
    spans: dict[int, tuple[datetime, datetime]] = {}
    for row in rows:
        # When a café is planned for says nothing of when a row about it was written.
        if row.moment is not None and id(row) in told and row.table not in ("gatherings", "answers"):
            span = told[id(row)]
            known = spans.get(row.moment)
            if known is None or span[1] - span[0] < known[1] - known[0]:
                spans[row.moment] = span
    return spans


def _between(
    moment: int, order: list[tuple[int, tuple[datetime, datetime]]]
) -> tuple[datetime, datetime] | None:
    place = bisect_left(order, (moment,))
    if place == 0 or place == len(order):
        return None
    since, until = order[place - 1][1][0], order[place][1][1]
    return (since, until) if since <= until else None


def values_of(dump: Dump, names: Mapping[str, str]) -> dict[object, set[str]]:
    """Every value that could identify, and in whose rows it stands."""
    found = defaultdict[object, set[str]](set)
    for row in dump.rows:
        whose = aliases_in(row, names)
        if whose:
            for value in atoms(row.values):
                for telling in _telling(value):
                    found[telling] |= whose
    return dict(found)


def _telling(value: object) -> Iterator[object]:
    match value:
        case datetime():
            if value.timestamp() % 60:
                yield value
        case bytes():
            if len(value) >= 8:
                yield value
        case str():
            yield from UUID_LIKE.findall(value)
            if TIME.match(value):
                yield from _telling(datetime.fromisoformat(value))
            elif len(value) >= 8 and not DATE.fullmatch(value):
                yield value
        case int():
            # A version made of a midnight is a date, which patterns may use and many share.
            if value > 2**20 and (value >> 16) % DAY_MS:
                yield value
