"""What may be published: nothing about fewer than eight people, alone or by subtraction."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.analytics.policy import ACTS, NESTED, PEOPLE, Earlier, Figures, Published, dominated, publish

MINIMUM = 8
DAY = date(2026, 3, 1)
X, Y, Z = (UUID(int=number) for number in range(3))
STUDY = Figures(29, 524, 1870, 29, 19, 12, (6, 6), 17, 3, 9)
EVEN = {"posts": [28] * 11 + [27] * 8, "views": [65] * 14 + [64] * 15}


def published(
    figures: Figures,
    per_person: dict[str, list[int]],
    earlier: Sequence[Earlier] = (),
    communities: frozenset[UUID] = frozenset({X}),
) -> Published:
    return publish(
        figures,
        per_person,
        minimum=MINIMUM,
        communities=communities,
        since=DAY,
        until=DAY,
        earlier=earlier,
    )


def one_after_another(*studies: tuple[frozenset[UUID], dict[str, int]]) -> list[Published]:
    """What is published of studies of the same day that ask for a few counts of people each."""
    nothing = dict.fromkeys(PEOPLE, 0)
    earlier: list[Earlier] = []
    for communities, counts in studies:
        figures = replace(STUDY, **(nothing | counts))  # type: ignore[arg-type]
        made = published(figures, {}, earlier, communities)
        earlier.append(Earlier(communities, DAY, DAY, made))
    return [one.published for one in earlier]


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
    made = published(*second, earlier=[Earlier(frozenset({X}), DAY, DAY, before)])
    for name in PEOPLE:
        old, new = before.value(name), made.value(name)
        assert old is None or new is None or not 0 < abs(new - old) < MINIMUM
    for act in ACTS:
        assert before.value(act) is None or made.value(act) is None


def test_acts_of_another_time_say_nothing_about_these() -> None:
    earlier = Earlier(frozenset({X}), date(2026, 1, 1), date(2026, 2, 28), published(STUDY, EVEN))
    assert published(STUDY, EVEN, [earlier]).posts == 524


def test_who_viewed_in_one_study_is_not_subtracted_from_the_members_of_another() -> None:
    everybody = frozenset({X, Y})
    asked = [{"members": 20}, {"members_who_viewed": 15}, {"members_who_viewed": 12}]
    first, five_never_read, eight_never_read = one_after_another(*((everybody, counts) for counts in asked))
    assert first.members == 20
    assert five_never_read.members_who_viewed is None
    assert eight_never_read.members_who_viewed == 12
    first, other_way_round = one_after_another(*((everybody, counts) for counts in asked[1::-1]))
    assert (first.members_who_viewed, other_way_round.members) == (15, None)


def test_the_parts_of_a_published_whole_are_not_published() -> None:
    parts = [(frozenset({X}), {"members": 12}), (frozenset({Y}), {"members": 15})]
    whole = (frozenset({X, Y, Z}), {"members": 30})
    assert [made.members for made in one_after_another(whole, *parts)] == [30, None, None]
    assert [made.members for made in one_after_another(*parts, whole)] == [12, 15, None]


def test_of_communities_that_overlap_only_partly_nothing_about_people_is_published() -> None:
    earlier = [Earlier(frozenset({X, Y}), date(2025, 1, 1), date(2025, 2, 1), published(STUDY, EVEN))]
    made = published(STUDY, EVEN, earlier, frozenset({Y, Z}))
    assert {made.value(metric) for metric in PEOPLE + ACTS} == {None}
    assert (made.cafes, made.cafes_by_community) == (12, (6, 6))


def test_a_publication_that_told_nothing_about_people_hides_nothing() -> None:
    [empty] = one_after_another((frozenset({X, Y}), {"members": 7}))
    assert published(STUDY, EVEN, [Earlier(frozenset({X, Y}), DAY, DAY, empty)]).members == 29


@st.composite
def several_studies(draw: st.DrawFn) -> list[tuple[frozenset[UUID], dict[str, int]]]:
    """Studies of the same people, of any communities each and asking for any counts, in any order."""
    people = {}
    for community in (X, Y, Z):
        members = draw(st.integers(0, 25))
        viewed = draw(st.integers(0, members))
        counts = (members, viewed, draw(st.integers(0, viewed)), draw(st.integers(0, members)))
        people[community] = dict(zip(PEOPLE, counts, strict=True))
    asked = st.tuples(
        st.frozensets(st.sampled_from([X, Y, Z]), min_size=1), st.sets(st.sampled_from(PEOPLE), min_size=1)
    )
    return [
        (where, {name: sum(people[community][name] for community in where) for name in names})
        for where, names in draw(st.lists(asked, min_size=2, max_size=5))
    ]


@given(several_studies())
def test_no_figures_of_any_studies_together_leave_a_rest_of_one_to_seven(
    studies: list[tuple[frozenset[UUID], dict[str, int]]],
) -> None:
    told = [
        (where, name, value)
        for (where, _), made in zip(studies, one_after_another(*studies), strict=True)
        for name in PEOPLE
        if (value := made.value(name)) is not None
    ]
    for around, outer, whole in told:
        inside = [
            (where, value)
            for where, name, value in told
            if where <= around and (name == outer or (name, outer) in NESTED)
        ]
        for parts in (found for size in (1, 2, 3) for found in combinations(inside, size)):
            if sum(len(where) for where, _ in parts) == len(frozenset().union(*(w for w, _ in parts))):
                assert not 0 < whole - sum(value for _, value in parts) < MINIMUM


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
