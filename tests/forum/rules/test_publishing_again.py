"""A home reads its own topic back: whatever came late or twice, compaction ends by keeping what the home has."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.forum.rules.merging import is_to_be_published_again, merged
from shared.contracts.payloads.forum import ReactionGiven
from tests.forum.rules.test_convergence import QUICKLY
from tests.forum.rules.test_merging import state

Rule = Callable[..., bool]
MOST = 60  # records read until all is quiet: more goes round for ever


class Home:
    """One entity at its home, and its topic, as services/forum/replicas treats them."""

    def __init__(self, row: ReactionGiven, topic: list[ReactionGiven], rule: Rule) -> None:
        self.row, self.topic, self.rule = row, topic, rule
        self.read_back: int | None = None
        self.read = 0

    def reads(self, size: int) -> None:
        batch = self.topic[self.read : self.read + size]
        self.read += len(batch)
        for record in batch:
            self.row = merged(self.row, record)
        last = batch[-1].version
        highest = max(record.version for record in batch)
        if self.rule(
            erased=self.row.erased,
            version=self.row.version,
            last_read=last,
            highest_read=max(highest, self.read_back if self.read_back is not None else highest),
        ):
            newest = max(highest, self.read_back or 0)
            if newest > self.row.version:
                self.row = self.row.model_copy(update={"version": newest + 1})
            self.topic.append(self.row)
        self.read_back = max(highest, self.read_back or 0)


ERASED_FROM = st.integers(1, 9)
SENT = st.lists(st.integers(1, 8), min_size=1, max_size=8)  # versions in the order in which they arrived
ROW = st.integers(1, 8)  # what the database has: older after a restore
SIZES = st.lists(st.integers(1, 3), min_size=4, max_size=4)
ZOMBIE = st.booleans()  # written to after it was erased, by a database that had been set back


def settle(rule: Rule, erased: int, sent: list[int], row: int, sizes: list[int], zombie: bool) -> None:
    def version_of(version: int) -> ReactionGiven:
        return state(version, erased=version == erased if zombie else version >= erased)

    home = Home(version_of(row), [version_of(version) for version in sent], rule)
    home.topic.append(home.row)  # its outbox had it to send as well
    turn = 0
    while home.read < len(home.topic):
        assert home.read < MOST, "goes round for ever"
        home.reads(sizes[turn % len(sizes)])
        turn += 1
    compacted = home.topic[-1]
    assert compacted == home.row, "the topic keeps something else than the home has"
    for each in home.topic:
        assert merged(home.row, each) == home.row, "a replica that has read all has something else"


@settings(QUICKLY, max_examples=1_000)
@given(ERASED_FROM, SENT, ROW, SIZES, ZOMBIE)
def test_a_topic_ends_with_what_its_home_has(
    erased: int, sent: list[int], row: int, sizes: list[int], zombie: bool
) -> None:
    settle(is_to_be_published_again, erased, sent, row, sizes, zombie)


def _never(**_: object) -> bool:
    return False


def _always(**_: object) -> bool:
    return True


def _by_the_row(*, version: int, last_read: int, **_: object) -> bool:
    return last_read < version


def _without_erased(*, last_read: int, highest_read: int, **_: object) -> bool:
    return last_read < highest_read


def _by_the_row_unless_erased(*, erased: bool, version: int, last_read: int, **_: object) -> bool:
    return last_read < version and not erased


MISTAKES: tuple[Rule, ...] = (_never, _always, _by_the_row, _without_erased, _by_the_row_unless_erased)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistakes_are_found(mistake: Rule) -> None:
    @settings(QUICKLY, phases=(Phase.generate,))
    @given(ERASED_FROM, SENT, ROW, SIZES, ZOMBIE)
    def looks(erased: int, sent: list[int], row: int, sizes: list[int], zombie: bool) -> None:
        settle(mistake, erased, sent, row, sizes, zombie)

    with pytest.raises(AssertionError):
        looks()
