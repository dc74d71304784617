"""The attacker is able: each leak that the scenario's tests would find is planted here once, in small copies."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from tests.unlinkability.attacks import Store, attacks, named_rightly, shared_values, tried
from tests.unlinkability.canaries import Canaries
from tests.unlinkability.sightings import Dump, Row

PEOPLE, ACTS = 29, 8
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
RANDOM = random.Random(4)


def ids() -> list[str]:
    return [str(UUID(int=RANDOM.getrandbits(128), version=4)) for _ in range(PEOPLE)]


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


def some_times() -> list[list[datetime]]:
    """When each person does something: some day of half a year, some minute of the day."""
    return [
        [
            BEGIN + timedelta(days=RANDOM.randrange(180), seconds=RANDOM.randrange(14 * 3600))
            for _ in range(ACTS)
        ]
        for _ in range(PEOPLE)
    ]


Other = Callable[[list[str], list[list[datetime]]], Iterator[Row]]


def later(seconds: float) -> Other:
    """A service that keeps clock times, soon after the forum's."""

    def rows(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
        for alias, acts in zip(aliases, times, strict=True):
            for at in acts:
                yield Row(
                    "waiting", {"alias": alias, "at": at + timedelta(seconds=RANDOM.uniform(0, seconds))}, 0
                )

    return rows


def same_days(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    for alias, acts in zip(aliases, times, strict=True):
        for at in acts:
            yield Row("answers", {"alias": alias, "day": at.date()}, 0)


def in_the_order_of_transactions(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    arrived = sorted(range(PEOPLE), key=lambda person: min(times[person]))
    for moment, person in enumerate(arrived):
        yield Row(
            "guests", {"alias": aliases[person], "on": date(2026, 3, 2)}, RANDOM.randrange(10**6), moment
        )


def in_the_order_of_rows(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    arrived = sorted(range(PEOPLE), key=lambda person: min(times[person]))
    for place, person in enumerate(arrived):
        yield Row("guests", {"alias": aliases[person], "on": date(2026, 3, 2)}, place)


def in_the_order_of_dates(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    for alias, acts in zip(aliases, times, strict=True):
        yield Row("guests", {"alias": alias, "on": min(acts).date()}, 0)


def through_the_inbox(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """A flag without a time, whose transaction another row dates."""
    for moment, (alias, acts) in enumerate(zip(aliases, times, strict=True)):
        yield Row("waiting", {"alias": alias}, 0, moment)
        yield Row("inbox", {"received_on": min(acts).date()}, 0, moment)


def nothing(aliases: list[str], _times: list[list[datetime]]) -> Iterator[Row]:
    for alias in aliases:
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, 0, 1)


@pytest.mark.parametrize(
    ("leak", "attack"),
    [
        (later(0.9), "within 1 s"),
        (later(50), "within 1 min"),
        (later(3000), "within 1 h"),
        (same_days, "within 1 day"),
        (same_days, "counts per day"),
        (in_the_order_of_dates, "order of first appearance"),
        (through_the_inbox, "order of first appearance"),
        (in_the_order_of_transactions, "order of transactions"),
        (in_the_order_of_rows, "row order"),
    ],
)
def test_a_planted_pattern_is_found(leak: Other, attack: str) -> None:
    mine, theirs, times = ids(), ids(), some_times()
    one, other = forum(mine, times), store("events", list(leak(theirs, times)), theirs)
    right = tried(one, other, dict(zip(mine, theirs, strict=True)))
    assert right[attack] > PEOPLE / 2, right


def test_unequal_counts_are_found() -> None:
    mine, theirs, times = ids(), ids(), some_times()
    counts = [acts[:1] * (1 + person) for person, acts in enumerate(times)]
    rows = [
        Row("visits", {"alias": alias, "on": date(2026, 3, 2)}, 0)
        for alias, acts in zip(theirs, counts, strict=True)
        for _ in acts
    ]
    right = tried(forum(mine, counts), store("events", rows, theirs), dict(zip(mine, theirs, strict=True)))
    assert right["counts in all"] > PEOPLE / 2, right


def test_where_nothing_leaks_the_attacker_guesses() -> None:
    mine, theirs, times = ids(), ids(), some_times()
    one, other = forum(mine, times), store("events", list(nothing(theirs, times)), theirs)
    right = tried(one, other, dict(zip(mine, theirs, strict=True)))
    assert right.keys() == {*attacks(), "all together"}
    assert max(right.values()) <= 1.01, right


def test_a_first_choice_among_equals_is_drawn_by_lot() -> None:
    assert named_rightly({("a", "x"): 1.0, ("a", "y"): 1.0}, {"a": "x"}, ["x", "y", "z"]) == 0.5


@pytest.mark.parametrize(
    "trace",
    [
        "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        {"headers": {"correlation_id": "2f1c7f0b44e34d0aa1f0aa4f0f0d9c11"}},
        BEGIN + timedelta(seconds=17.25),
        b"a keyed hash of both",
        1_772_434_817_250 << 16,
        "the words of a post",
    ],
)
def test_a_planted_common_value_is_found(trace: object) -> None:
    mine, theirs = ids(), ids()
    one = store("forum", [Row("posts", {"alias": mine[0], "planted": trace}, 0)], mine)
    other = store("events", [Row("answers", {"alias": theirs[3], "also": [trace]}, 0)], theirs)
    assert shared_values(one, other)


def test_what_many_people_share_joins_nobody() -> None:
    mine, theirs, community = ids(), ids(), ids()[0]
    one = store("forum", [Row("members", {"alias": alias, "in": community}, 0) for alias in mine], mine)
    other = store("events", [Row("guests", {"alias": alias, "in": community}, 0) for alias in theirs], theirs)
    assert not shared_values(one, other)


def test_a_canary_that_strays_is_found() -> None:
    canaries = Canaries()
    typed = canaries.text("post", "postgres forum")
    places = [
        ("postgres forum", typed.encode()),
        ("log postgres-forum.log", f"ERROR: {typed.upper()}".encode()),
    ]
    assert canaries.astray(places) == ["post in log postgres-forum.log"]
    assert not canaries.astray(places[:1])
    phone = typed.rpartition(" ")[2]
    assert canaries.astray([("kafka local.activity.forum.v1", phone.encode())])
