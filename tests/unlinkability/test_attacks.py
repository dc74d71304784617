"""The attacker is able: each pattern by which the scenario's attacks would join is planted here once."""

from datetime import date, timedelta

import pytest

from tests.unlinkability.attacks import attacks, named_rightly, tried
from tests.unlinkability.nights import NIGHTS
from tests.unlinkability.planted import (
    BEGIN,
    PEOPLE,
    Draw,
    Other,
    forum,
    in_consumers_offsets,
    in_no_order,
    in_the_order_of_dates,
    in_the_order_of_dead_rows,
    in_the_order_of_rows,
    in_the_order_of_transactions,
    later,
    nothing,
    same_days,
    store,
    through_the_inbox,
)
from tests.unlinkability.rates import AT_MOST, Rate, told_otherwise
from tests.unlinkability.sightings import Row
from tests.unlinkability.waiting import as_expected


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
def test_a_planted_pattern_is_found(draw: Draw, leak: Other, attack: str) -> None:
    mine, theirs, times = draw.ids(), draw.ids(), draw.times()
    one, other = forum(mine, times), store("events", list(leak(draw, theirs, times)), theirs)
    right = tried(one, other, dict(zip(mine, theirs, strict=True)))
    assert right[attack] > PEOPLE / 2, right


def test_unequal_counts_are_found(draw: Draw) -> None:
    mine, theirs, times = draw.ids(), draw.ids(), draw.times()
    counts = [acts[:1] * (1 + person) for person, acts in enumerate(times)]
    rows = [
        Row("visits", {"alias": alias, "on": date(2026, 3, 2)}, 0)
        for alias, acts in zip(theirs, counts, strict=True)
        for _ in acts
    ]
    right = tried(forum(mine, counts), store("events", rows, theirs), dict(zip(mine, theirs, strict=True)))
    assert right["counts in all"] > PEOPLE / 2, right


def test_flags_that_are_up_for_those_who_watch_are_found(draw: Draw) -> None:
    mine, theirs, thread = draw.ids(), draw.ids(), draw.ids()[0]
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


def test_where_nothing_leaks_the_attacker_guesses(draw: Draw) -> None:
    mine, theirs, times = draw.ids(), draw.ids(), draw.times()
    one, other = forum(mine, times), store("events", list(nothing(draw, theirs, times)), theirs)
    right = tried(one, other, dict(zip(mine, theirs, strict=True)))
    assert right.keys() == {*attacks(), "all together"}
    assert max(right.values()) <= 1.01, right


def test_a_first_choice_among_equals_is_drawn_by_lot() -> None:
    assert named_rightly({("a", "x"): 1.0, ("a", "y"): 1.0}, {"a": "x"}, ["x", "y", "z"]) == 0.5


def test_a_leak_is_a_leak_in_every_copy_and_luck_is_not(draw: Draw) -> None:
    mine, theirs, times = draw.ids(), draw.ids(), draw.times()
    one, partners = forum(mine, times), dict(zip(mine, theirs, strict=True))

    def rate(leak: Other) -> Rate:
        copies = [store("events", list(leak(draw, theirs, times)), theirs) for _ in range(NIGHTS)]
        return Rate(("forum", "events"), PEOPLE, PEOPLE, [tried(one, copy, partners) for copy in copies])

    assert rate(in_the_order_of_rows).named > PEOPLE / 2
    assert rate(in_no_order).named < AT_MOST
    lucky_once = [{"row order": 5.0}, *[{"row order": 1.0}] * (NIGHTS - 1)]
    blind = Rate(("forum", "events"), PEOPLE, PEOPLE, lucky_once)
    assert blind.named < 2 < blind.luckiest
    assert not blind.is_over


def test_a_leak_of_one_copy_alone_is_found() -> None:
    one = [*[{"row order": 1.0}] * (NIGHTS - 1), {"row order": 15.0}]
    assert Rate(("forum", "events"), PEOPLE, PEOPLE, one).named < AT_MOST
    assert Rate(("forum", "events"), PEOPLE, PEOPLE, one).is_over


def test_a_row_of_which_the_document_says_something_else_is_found() -> None:
    rate = Rate(("forum", "events"), PEOPLE, PEOPLE, [{"row order": 1.8}])
    assert not told_otherwise([rate], {"forum × events": 1.0})
    assert told_otherwise([rate], {"forum × events": 3.1}) == [rate.told]
