"""Leaks as small copies have them: what a service would look like if it kept what it must not."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from tests.unlinkability.attacks import Store
from tests.unlinkability.sightings import Dump, Row

PEOPLE, ACTS = 29, 8
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Draw(random.Random):
    """What chance makes of a test's people: the same in each run of it, whatever ran before."""

    def ids(self) -> list[str]:
        return [str(UUID(int=self.getrandbits(128), version=4)) for _ in range(PEOPLE)]

    def times(self) -> list[list[datetime]]:
        """When each person does something: some day of half a year, some minute of the day."""
        return [
            [
                BEGIN + timedelta(days=self.randrange(180), seconds=self.randrange(14 * 3600))
                for _ in range(ACTS)
            ]
            for _ in range(PEOPLE)
        ]


def store(name: str, rows: list[Row], aliases: list[str]) -> Store:
    return Store.read(Dump(name, rows), {alias: alias for alias in aliases})


def forum(aliases: list[str], times: list[list[datetime]]) -> Store:
    """Posts with their clock times."""
    rows = [
        Row("posts", {"alias": alias, "at": at}, place)
        for place, (at, alias) in enumerate(
            sorted((at, alias) for alias, acts in zip(aliases, times, strict=True) for at in acts)
        )
    ]
    return store("forum", rows, aliases)


Other = Callable[[Draw, list[str], list[list[datetime]]], Iterator[Row]]


def later(seconds: float) -> Other:
    """A service that keeps clock times, soon after the forum's."""

    def rows(draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
        for alias, acts in zip(aliases, times, strict=True):
            for at in acts:
                yield Row(
                    "waiting", {"alias": alias, "at": at + timedelta(seconds=draw.uniform(0, seconds))}, 0
                )

    return rows


def same_days(_draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    for alias, acts in zip(aliases, times, strict=True):
        for at in acts:
            yield Row("answers", {"alias": alias, "day": at.date()}, 0)


def in_the_order_of_transactions(
    draw: Draw, aliases: list[str], times: list[list[datetime]]
) -> Iterator[Row]:
    arrived = sorted(range(PEOPLE), key=lambda person: min(times[person]))
    for moment, person in enumerate(arrived):
        yield Row("guests", {"alias": aliases[person], "on": date(2026, 3, 2)}, draw.randrange(10**6), moment)


def in_the_order_of_rows(_draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    arrived = sorted(range(PEOPLE), key=lambda person: min(times[person]))
    for place, person in enumerate(arrived):
        yield Row("guests", {"alias": aliases[person], "on": date(2026, 3, 2)}, place)


def in_no_order(draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    places = draw.sample(range(PEOPLE), PEOPLE)
    for place, alias in zip(places, aliases, strict=True):
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, place)


def in_the_order_of_dates(_draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    for alias, acts in zip(aliases, times, strict=True):
        yield Row("guests", {"alias": alias, "on": min(acts).date()}, 0)


def in_the_order_of_dead_rows(draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """Shuffled, but the rows before the shuffle still lie in the pages."""
    for alias in aliases:
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, 0, 10**6)
    for row in in_the_order_of_transactions(draw, aliases, times):
        yield Row("guests on disk", row.values, row.moment or 0, row.moment)


def in_consumers_offsets(draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """Nothing bears a time, but when a partition was read does, which some share."""
    yield from nothing(draw, aliases, times)
    for number, acts in enumerate(times):
        for at in acts:
            whose = [aliases[number], *draw.sample(aliases, 3)]
            later = at + timedelta(seconds=draw.uniform(0, 0.9))
            yield Row("__consumer_offsets", {"whose": whose, "at": later}, 0)


def through_the_inbox(_draw: Draw, aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """A flag without a time, whose transaction another row dates."""
    for moment, (alias, acts) in enumerate(zip(aliases, times, strict=True)):
        yield Row("waiting", {"alias": alias}, 0, moment)
        yield Row("inbox", {"received_on": min(acts).date()}, 0, moment)


def nothing(_draw: Draw, aliases: list[str], _times: list[list[datetime]]) -> Iterator[Row]:
    for alias in aliases:
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, 0, 1)
