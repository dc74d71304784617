"""What may be published: nothing about fewer than eight people, alone or by subtraction."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from services.analytics.policy import ACTS, NESTED, PEOPLE, Earlier, Figures, Published, dominated, publish

MINIMUM = 8
DAY = date(2026, 3, 1)
STUDY = Figures(29, 524, 1870, 29, 19, 12, (6, 6), 17, 3, 9)
EVEN = {"posts": [28] * 11 + [27] * 8, "views": [65] * 14 + [64] * 15}


def published(
    figures: Figures, per_person: dict[str, list[int]], earlier: Sequence[Earlier] = ()
) -> Published:
    return publish(figures, per_person, minimum=MINIMUM, since=DAY, until=DAY, earlier=earlier)


@st.composite
def studies(draw: st.DrawFn) -> tuple[Figures, dict[str, list[int]]]:
    """Any study: members, some of whom view, write and come, as unevenly as they like."""
    members = draw(st.integers(0, 60))
    acts = st.lists(st.integers(1, 300), max_size=members)
    posts, views = draw(acts), draw(acts)
    cafes = tuple(draw(st.lists(st.integers(0, 12), min_size=1, max_size=4)))
    heads = sorted(draw(st.lists(st.integers(0, 20), min_size=2, max_size=2)))
    figures = Figures(
        members=members,
        posts=sum(posts),
        views=sum(views),
        members_who_viewed=len(views),
        members_who_wrote=len(posts),
        cafes=sum(cafes),
        cafes_by_community=cafes,
        members_who_came=draw(st.integers(0, members)),
        smallest_cafe=heads[0],
        largest_cafe=heads[1],
    )
    return figures, {"posts": posts, "views": views}


def test_the_study_publishes_everything_but_the_extremes() -> None:
    assert asdict(published(STUDY, EVEN)) == asdict(STUDY) | {"smallest_cafe": None, "largest_cafe": None}


@given(studies())
def test_no_figure_is_about_fewer_than_eight_people(study: tuple[Figures, dict[str, list[int]]]) -> None:
    figures, per_person = study
    made = published(figures, per_person)
    for name in PEOPLE:
        value = made.value(name)
        assert value is None or value >= MINIMUM
    for act in ACTS:
        assert made.value(act) is None or len(per_person[act]) >= MINIMUM
    assert made.smallest_cafe is None
    assert made.largest_cafe is None


@given(studies())
def test_no_difference_of_nested_counts_is_a_group_of_one_to_seven(
    study: tuple[Figures, dict[str, list[int]]],
) -> None:
    made = published(*study)
    for inner, outer in NESTED:
        small, large = made.value(inner), made.value(outer)
        if small is not None and large is not None:
            assert not 0 < abs(large - small) < MINIMUM


@given(studies())
def test_what_is_published_is_true_and_totals_are_sums_of_published_cells(
    study: tuple[Figures, dict[str, list[int]]],
) -> None:
    figures, per_person = study
    made = published(figures, per_person)
    for name, value in asdict(made).items():
        assert value is None or value == asdict(figures)[name]
    assert made.cafes == sum(cell or 0 for cell in made.cafes_by_community)


@given(studies())
def test_nobody_who_knows_their_own_share_learns_that_another_did_most(
    study: tuple[Figures, dict[str, list[int]]],
) -> None:
    figures, per_person = study
    made = published(figures, per_person)
    for act in ACTS:
        if made.value(act) is not None:
            assert max(per_person[act]) <= sum(per_person[act]) / 2


@given(studies(), studies())
def test_two_publications_about_one_community_give_no_small_difference(
    first: tuple[Figures, dict[str, list[int]]], second: tuple[Figures, dict[str, list[int]]]
) -> None:
    before = published(*first)
    made = published(*second, earlier=[Earlier(DAY, DAY, before)])
    for name in PEOPLE:
        old, new = before.value(name), made.value(name)
        assert old is None or new is None or not 0 < abs(new - old) < MINIMUM
    for act in ACTS:
        assert before.value(act) is None or made.value(act) is None


def test_acts_of_another_time_say_nothing_about_these() -> None:
    earlier = Earlier(date(2026, 1, 1), date(2026, 2, 28), published(STUDY, EVEN))
    assert published(STUDY, EVEN, [earlier]).posts == 524


def test_ten_members_who_did_not_write_are_shown_and_seven_are_not() -> None:
    assert published(STUDY, EVEN).members_who_wrote == 19
    assert published(replace(STUDY, members_who_wrote=22), EVEN).members_who_wrote is None
    assert published(replace(STUDY, members_who_wrote=21), EVEN).members_who_wrote == 21


def test_everybody_viewing_is_not_a_group_of_a_few() -> None:
    assert published(STUDY, EVEN).members_who_viewed == 29
    assert published(replace(STUDY, members_who_viewed=28), EVEN).members_who_viewed is None


def test_one_or_two_voices_that_make_most_of_it_hide_the_sum() -> None:
    assert dominated([51, *[5] * 9])
    assert dominated([40, 40, *[3] * 8])
    assert not dominated([28] * 11 + [27] * 8)
    assert published(STUDY, EVEN | {"posts": [300, *[12] * 18]}).posts is None


def test_the_rules_are_about_any_two_published_counts_of_people() -> None:
    """Guard: a new count of people must be named among the nested pairs or be left out knowingly."""
    pairs = {frozenset(pair) for pair in combinations(PEOPLE, 2)}
    unrelated = {
        frozenset(("members_who_came", "members_who_viewed")),
        frozenset(("members_who_came", "members_who_wrote")),
    }
    assert pairs == {frozenset(pair) for pair in NESTED} | unrelated
