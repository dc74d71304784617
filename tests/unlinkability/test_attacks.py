"""The attacker is able: each leak that the scenario's tests would find is planted here once, in small copies."""

import random
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from shared.contracts.topics import ACTIVITY, ENGAGEMENT, NOTICES_ADDRESSED, Topic
from tests.unlinkability.attacks import (
    Store,
    astray,
    attacks,
    named_rightly,
    on_the_way,
    shared_values,
    tried,
)
from tests.unlinkability.canaries import Canaries
from tests.unlinkability.engines_notes import commit_in, versions_in
from tests.unlinkability.nights import NIGHTS
from tests.unlinkability.rates import Rate
from tests.unlinkability.sightings import Dump, Row
from tests.unlinkability.waiting import as_expected

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


def in_no_order(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    places = RANDOM.sample(range(PEOPLE), PEOPLE)
    for place, alias in zip(places, aliases, strict=True):
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, place)


def in_the_order_of_dates(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    for alias, acts in zip(aliases, times, strict=True):
        yield Row("guests", {"alias": alias, "on": min(acts).date()}, 0)


def in_the_order_of_dead_rows(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """Shuffled, but the rows before the shuffle still lie in the pages."""
    for alias in aliases:
        yield Row("guests", {"alias": alias, "on": date(2026, 3, 2)}, 0, 10**6)
    for row in in_the_order_of_transactions(aliases, times):
        yield Row("guests on disk", row.values, row.moment or 0, row.moment)


def in_consumers_offsets(aliases: list[str], times: list[list[datetime]]) -> Iterator[Row]:
    """Nothing bears a time, but when a partition was read does, which some share."""
    yield from nothing(aliases, times)
    for number, acts in enumerate(times):
        for at in acts:
            whose = [aliases[number], *RANDOM.sample(aliases, 3)]
            later = at + timedelta(seconds=RANDOM.uniform(0, 0.9))
            yield Row("__consumer_offsets", {"whose": whose, "at": later}, 0)


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
        (in_the_order_of_dead_rows, "row order on disk"),
        (in_the_order_of_dead_rows, "order of transactions on disk"),
        (in_consumers_offsets, "within 1 s, by engines' notes"),
        (in_consumers_offsets, "within 1 min, by engines' notes"),
        (later(0.9), "all together"),
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


def test_flags_that_are_up_for_those_who_watch_are_found() -> None:
    mine, theirs, thread = ids(), ids(), ids()[0]
    rows = [
        Row("posts", {"thread_id": thread, "author_id": "nobody", "arrived_at": BEGIN, "opening": False}, 0),
        *(
            Row("watching", {"alias": alias, "thread_id": thread, "since": BEGIN - timedelta(days=1)}, 0)
            for alias in mine
        ),
        *(
            Row(
                "read_marks",
                {"alias": alias, "thread_id": thread, "read_until": BEGIN + timedelta(days=1)},
                0,
            )
            for alias in mine[3:]
        ),
    ]
    flags = [Row("waiting", {"alias": alias, "category": "replies"}, 0) for alias in theirs[:3]]
    others = [Row("departed", {"alias": alias}, 0) for alias in theirs]
    one, other = store("forum", rows, mine), store("notifications", flags + others, theirs)
    partners = dict(zip(mine[:3], theirs[:3], strict=True))
    assert tried(one, other, partners)["what should be waiting"] == pytest.approx(1)  # three among three
    assert named_rightly(as_expected(one, other), dict(zip(mine, theirs, strict=True)), theirs) == (
        pytest.approx(2)
    )


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


def test_an_id_in_the_words_of_a_text_is_found() -> None:
    mine, theirs, thread = ids(), ids(), ids()[0]
    one = store("forum", [Row("posts", {"alias": mine[0], "thread": thread}, 0)], mine)
    said = {"alias": theirs[3], "prompt": f"Do read /threads/{thread}, please."}
    assert shared_values(one, store("events", [Row("answers", said, 0)], theirs)) == [thread]


@pytest.mark.parametrize("place", ["events", "identity", "log services.log", "log postgres-forum.log"])
def test_an_alias_elsewhere_is_found(place: str) -> None:
    mine, theirs = ids(), ids()
    people = [{"forum": one, "analytics:forum": other} for one, other in zip(mine, theirs, strict=True)]
    own = {"forum": str(mine), "analytics": str(theirs)}
    assert not astray(people, own)
    assert astray(people, own | {place: f'{{"event": "a batch failed", "key": "{mine[7]}"}}'}) == [
        ("forum", place)
    ]
    assert astray(people, own | {"forum": str(mine + theirs[4:5])}) == [("analytics:forum", "forum")]


@pytest.mark.parametrize("topic", [ACTIVITY["forum"], NOTICES_ADDRESSED, ENGAGEMENT["membership"]])
def test_a_record_that_stayed_on_the_way_is_found(topic: Topic) -> None:
    stays = Row("local.identity.forum.v1", {"key": ids()[0]}, 0)
    stayed = Row(topic.name, {"key": ids()[0]}, 0)
    assert on_the_way([stays, stayed]) == [stayed]


def test_a_leak_is_a_leak_in_every_copy_and_luck_is_not() -> None:
    mine, theirs, times = ids(), ids(), some_times()
    one, partners = forum(mine, times), dict(zip(mine, theirs, strict=True))

    def rate(leak: Other) -> Rate:
        copies = [store("events", list(leak(theirs, times)), theirs) for _ in range(NIGHTS)]
        return Rate(("forum", "events"), PEOPLE, PEOPLE, [tried(one, copy, partners) for copy in copies])

    assert rate(in_the_order_of_rows).named > PEOPLE / 2
    blind = rate(in_no_order)
    assert blind.named < 2 <= blind.luckiest


def test_a_dead_row_is_found_in_its_page(tmp_path: Path) -> None:
    [alias, other, *_] = ids()
    page = bytearray(8192)
    versions = [(alias, 741), (other, 743)]
    struct.pack_into("<H", page, 12, 24 + 4 * len(versions))
    for number, (whose, transaction) in enumerate(versions):
        row = struct.pack("<II", transaction, 745) + bytes(16) + UUID(whose).bytes
        place = 8192 - 64 * (number + 1)
        page[place : place + len(row)] = row
        struct.pack_into("<I", page, 24 + 4 * number, place | 1 << 15 | len(row) << 17)
    file = tmp_path / "16384"
    file.write_bytes(bytes(8192) + page)
    found = versions_in("guests", file, {UUID(alias).bytes: alias})
    assert [(row.values["alias"], row.place, row.moment) for row in found] == [(alias, 1, 741)]


def test_the_time_of_an_offsets_commit_is_read() -> None:
    def text(said: str) -> bytes:
        return struct.pack(">h", len(said)) + said.encode()

    key = (
        struct.pack(">h", 1)
        + text("notifications")
        + text("local.notices.addressed.v1")
        + struct.pack(">i", 2)
    )
    time = struct.pack(">q", int(BEGIN.timestamp() * 1000))
    value = struct.pack(">hqi", 3, 41, 0) + text("") + time
    compact = struct.pack(">hqi", 4, 41, 0) + b"\x01" + time + b"\x00"
    for written in (value, compact):
        assert commit_in(key, written) == ("local.notices.addressed.v1", 2, BEGIN)
    assert commit_in(struct.pack(">h", 2) + text("notifications"), value) is None
    assert commit_in(key, None) is None


PLACES = ["tables events", "kafka local.activity.forum.v1", "redis", "log kafka.log", "postgres analytics"]


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_that_strays_is_found(place: str) -> None:
    canaries = Canaries()
    typed = canaries.text("post", "postgres forum")
    canaries.name("forum name", "postgres forum")
    at_home = ("postgres forum", typed.encode())
    assert not canaries.astray([at_home, (place, b"nothing of it")])
    name, phone = typed.partition(" ")[0], typed.rpartition(" ")[2]
    for trace in (typed.upper(), name, phone, f"x{name}y", f"1{phone}2", f"{name}@example.org"):
        assert canaries.astray([at_home, (place, b"\0\1" + trace.encode() + b"\0")]) == [f"post in {place}"]
