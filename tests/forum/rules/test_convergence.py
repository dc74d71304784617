"""Three regions' histories in any order, any batches and twice give the same forum, and the right one."""

import random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.forum.rules.waiting import HELD_AHEAD_MS
from shared.contracts.payloads.forum import ProfilePresented
from shared.contracts.payloads.payload import COUNTER_BITS
from tests.forum.rules.histories import FAST, MINUTE, REGIONS, World
from tests.forum.rules.mistakes import MISTAKES
from tests.forum.rules.replica import Replica, Rules, came

HISTORIES = 2_000

# Clocks are up to four minutes off, and one region's may be a quarter of an hour fast.
OFFSETS = st.tuples(
    *[st.integers(-4, 4).map(lambda minutes: minutes * MINUTE)] * 3, st.sampled_from([None, 0, 1, 2])
).map(lambda drawn: tuple(FAST if drawn[3] == place else drawn[place] for place in range(3)))


class History(NamedTuple):
    """A world, and the chance by which its records are delivered."""

    world: World
    chance: int


HISTORY = st.builds(
    lambda offsets, acts, chance: History(World(offsets).play(acts), chance),
    OFFSETS,
    st.binary(min_size=36, max_size=96),
    st.integers(0, 2**32),
)
QUICKLY = settings(
    max_examples=HISTORIES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def delivered(history: History, region: str, rules: Rules, seed: int) -> Replica:
    """All records in some order, some of them again, in batches, while time goes on; then an hour has passed."""
    chance = random.Random(history.chance * 31 + seed)
    world = history.world
    neighbours = [name for name in REGIONS if name != region]
    replica = Replica(region, neighbours, rules)
    records = came(region, world.records)
    records += chance.choices(records, k=len(records) // 3) if records else []
    chance.shuffle(records)
    now = world.now + world.regions[region].offset
    while records:
        size = chance.randint(1, 8)
        replica.take(records[:size], now)
        assert all(
            state.home == region or state.version >> COUNTER_BITS <= now + HELD_AHEAD_MS
            for state in replica.rows.values()
        ), "shown although it is ahead of time"
        records = records[size:]
        now += chance.choice((0, 1, MINUTE))
        if chance.random() < 0.2:
            replica.release(now)
    replica.release(now + 60 * MINUTE)
    return replica


def check(history: History, rules: Rules) -> None:
    """The same state in all three regions and however it came, and what the acts amount to."""
    one, *others = [delivered(history, region, rules, seed).shown() for seed, region in enumerate(REGIONS)]
    for other in others:
        assert one == other, "two replicas differ"
    world = history.world
    assert one.rows == world.last, "not what was last written, or erased"
    assert {target: {reason} for target, reason in one.hidden.items()}.keys() == world.hidden().keys()
    assert all(reason in world.hidden()[target] for target, reason in one.hidden.items())
    assert {
        thread: (numbers.replies, numbers.answered) for thread, numbers in one.numbers.items()
    } == world.numbers()
    plain = world.plain()
    for state in world.last.values():
        if isinstance(state, ProfilePresented):
            bears_it = state.name is not None and state.id not in plain
            assert (state.id in one.marked) is bears_it


@QUICKLY
@given(HISTORY)
def test_any_order_duplication_and_interleaving_gives_the_same_and_the_right_forum(history: History) -> None:
    check(history, Rules())


def test_every_mistake_that_is_planted_in_the_rules_is_found_within_the_budget() -> None:
    needed = {name: _histories_until_found(rules) for name, rules in MISTAKES.items()}
    assert [name for name, histories in needed.items() if histories is None] == []


def _histories_until_found(rules: Rules) -> int | None:
    tried = 0

    @settings(QUICKLY, phases=(Phase.generate,), report_multiple_bugs=False)
    @given(HISTORY)
    def looks(history: History) -> None:
        nonlocal tried
        tried += 1
        check(history, rules)

    try:
        looks()
    except AssertionError:
        return tried
    return None
