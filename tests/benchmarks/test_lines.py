"""A benchmark's arithmetic: what holds a floor, and what a run of some parts leaves as it was."""

from dataclasses import replace

from benchmarks.lines import Line, Result
from benchmarks.report import document_table, merged, row_by, row_of, verdict

MORE = Line("rows", "a peer", 0.85, 1.2)
LESS = Line("seconds", "a peer", 1.5, 1.1, better="lower")


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert Result(MORE, ours=[10, 90, 10], theirs=[10, 100, 20]).ratio == 0.9


def test_a_floor_is_held_from_its_own_side() -> None:
    assert verdict(row_of(Result(MORE, [1.0], [1.0]))) == "floor"
    assert verdict(row_of(Result(MORE, [0.84], [1.0]))) == "below"
    assert verdict(row_of(Result(LESS, [1.0], [1.0]))) == "goal"
    assert verdict(row_of(Result(LESS, [1.6], [1.0]))) == "below"


def test_a_run_of_some_parts_keeps_the_other_lines_and_drops_those_that_are_no_more() -> None:
    gone, a, b, c, new = (Line(name, "a peer", 0.5, 1.0) for name in ("gone", "a", "b", "c", "not yet"))
    before = [row_by(gone, 1), row_by(a, 1), row_by(b, 1)]
    now = [row_by(b, 2), row_by(c, 3)]
    assert merged(before, now, [c, a, b, new]) == [now[1], before[1], now[0]]


def test_what_was_measured_against_another_peer_is_dropped_and_bounds_are_todays() -> None:
    before = [row_by(MORE, 1.0), row_by(LESS, 1.0)]
    harder, other = replace(MORE, floor=1.1), replace(LESS, peer="another peer")
    [row] = rows = merged(before, [], [harder, other])
    assert (row["ratio"], verdict(row)) == (1.0, "below")
    assert document_table([harder, other], rows, {"seconds": "2026-11-21, 0123456"}).splitlines()[3] == (
        "| seconds | another peer | ≤ 1.5 | ≤ 1.1 | | | not measured against this peer |"
    )


def test_what_is_shown_is_what_is_judged() -> None:
    just_below = row_of(Result(MORE, [0.8496], [1.0]))
    assert (just_below["ratio"], verdict(just_below)) == (0.85, "floor")
    assert (row_of(Result(MORE, [0.8494], [1.0]))["ratio"], Result(MORE, [0.8494], [1.0]).ratio) == (
        0.849,
        0.849,
    )


def test_the_document_says_which_run_a_line_is_of() -> None:
    rows = [row_of(Result(MORE, [1.0], [1.0])), row_of(Result(LESS, [1.234], [1.0]))]
    _, _, known, unknown = document_table([MORE, LESS], rows, {"rows": "2026-11-21, 0123456"}).splitlines()
    assert known.endswith("| 1 | floor | 2026-11-21, 0123456 |")
    assert unknown.endswith("| 1.234 | floor | before that was noted |")
