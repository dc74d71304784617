"""Forged records change nothing, wherever among the genuine they come; each is refused from itself alone."""

import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.forum import names
from services.forum.rules.believing import fault_of
from services.forum.rules.identities import entity_id
from services.forum.rules.lengths import MAX_POST_BYTES
from services.forum.schemas import NewHide, NewThread
from shared.contracts.payloads.forum import (
    ErasureRequested,
    Hide,
    ModerationDecided,
    PostPublished,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.contracts.payloads.payload import COUNTER_BITS, State
from tests.forum.records import Region
from tests.forum.rules.histories import REGIONS, World
from tests.forum.rules.replica import Came, Replica, Rules, came
from tests.forum.rules.test_convergence import HISTORY, QUICKLY, History, delivered

Forge = Callable[[Came, World], Came | None]


def _changed(record: Came, **changes: object) -> Came:
    forged = record.state.model_copy(update={"version": record.state.version + 1, **changes})
    return Came(record.origin, str(forged.id), forged)


def _another_home(record: Came, _world: World) -> Came | None:
    return _changed(record, home=next(name for name in REGIONS if name != record.state.home))


def _on_another_topic(record: Came, _world: World) -> Came | None:
    origin = next(name for name in REGIONS if name not in ("north", record.state.home))
    return _changed(record)._replace(origin=origin)


def _on_our_own_topic(record: Came, _world: World) -> Came | None:
    return None if record.origin is None else _changed(record)._replace(origin=None)


def _under_our_own_prefix(record: Came, _world: World) -> Came | None:
    return _changed(record)._replace(origin="north") if record.origin is None else None


def _of_a_stranger(record: Came, _world: World) -> Came | None:
    return _changed(record, home="west")._replace(origin="west")


def _another_key(record: Came, _world: World) -> Came | None:
    return _changed(record)._replace(key=str(UUID(int=7)))


def _another_nonce(record: Came, _world: World) -> Came | None:
    return _changed(record, nonce="0" * 32) if hasattr(record.state, "nonce") else None


def _another_author(record: Came, _world: World) -> Came | None:
    return _changed(record, author_id=UUID(int=7)) if hasattr(record.state, "author_id") else None


def _an_author_of_another_region(record: Came, world: World) -> Came | None:
    for name, region in world.regions.items():
        if region.profiles and name != record.state.home and hasattr(record.state, "author_id"):
            someone = region.profiles[0]
            return _changed(record, author_id=someone.id, author_nonce=someone.nonce)
    return None


def _anothers_id(record: Came, world: World) -> Came | None:
    for of, state in world.records:
        if of != record.state.home and type(state) is type(record.state):
            return _changed(record, id=state.id)
    return None


def _another_place_in_the_thread(record: Came, _world: World) -> Came | None:
    state = record.state
    if isinstance(state, PostPublished) and state.written is not None:
        return _changed(record, written=state.written + (1 << 20))
    return None


def _made_in_the_future(record: Came, _world: World) -> Came | None:
    """All that is made at some time says so in its id; and only its version makes it wait."""
    state: Any = record.state
    if not isinstance(state, PostPublished | ThreadOpened | ReactionGiven):
        return None
    ms = (state.version >> COUNTER_BITS) + 100 * 365 * 24 * 60 * 60 * 1000
    place = {"written": ms << COUNTER_BITS} if isinstance(state, PostPublished) else {}
    return _changed(record, id=entity_id(state.home, ms, bytes.fromhex(state.nonce)), **place)


def _written_after_its_last_version(record: Came, _world: World) -> Came | None:
    state = record.state
    if isinstance(state, PostPublished) and state.version == state.written:
        return _changed(record, written=state.version + 2)
    return None


def _a_name_that_is_drawn_as_another(record: Came, _world: World) -> Came | None:
    state = record.state
    if isinstance(state, ProfilePresented) and state.name is not None and record.origin:
        return _changed(record, name=f"{state.name}\u2800")
    return None


def _a_title_the_other_way_round(record: Came, _world: World) -> Came | None:
    state = record.state
    if isinstance(state, ThreadOpened) and state.title is not None and record.origin:
        return _changed(record, title=f"\u202e{state.title}")
    return None


def _a_community_on_two_lines(record: Came, _world: World) -> Came | None:
    if isinstance(record.state, ProfilePresented) and record.origin:
        return _changed(record, community="Lyngmo\nnorth")
    return None


def _a_decision_for_another_region(record: Came, world: World) -> Came | None:
    if isinstance(record.state, ModerationDecided):
        other = next(name for name in REGIONS if name != record.state.home)
        return _changed(record, id=f"{record.state.target_id}:{other}")
    return None


def _an_erasure_for_another_region(record: Came, _world: World) -> Came | None:
    erasure = UUID(int=9)
    other = next(name for name in REGIONS if name != record.state.home)
    state = ErasureRequested(
        id=f"{erasure}:{other}", home=record.state.home, version=record.state.version, erasure_id=erasure
    )
    return Came(record.origin, state.id, state)


def _a_negative_version(record: Came, _world: World) -> Came | None:
    return _changed(record, version=-1)


def _a_version_beyond_all(record: Came, _world: World) -> Came | None:
    return _changed(record, version=2**63)


def _huge(record: Came, _world: World) -> Came | None:
    texts = [name for name in ("name", "title", "body") if getattr(record.state, name, None) is not None]
    return _changed(record, **dict.fromkeys(texts, "x" * 70_000)) if texts and record.origin else None


def _with_a_nul(record: Came, _world: World) -> Came | None:
    texts = [name for name in ("name", "title", "body") if getattr(record.state, name, None) is not None]
    return _changed(record, **dict.fromkeys(texts, "nothing\0more")) if texts else None


def _a_hide_for_a_reason_with_a_nul(record: Came, _world: World) -> Came | None:
    target, home = UUID(int=9), record.state.home
    state = ModerationDecided(
        id=f"{target}:{home}", home=home, version=record.state.version, target_id=target, target_kind="post",
        hides=(Hide(id=UUID(int=1), reason="Because\0"),),
    )  # fmt: skip
    return Came(record.origin, state.id, state)


def _too_many_hides(record: Came, _world: World) -> Came | None:
    if record.origin is None:
        return None
    target, home = UUID(int=9), record.state.home
    state = ModerationDecided(
        id=f"{target}:{home}", home=home, version=record.state.version, target_id=target, target_kind="post",
        hides=tuple(Hide(id=UUID(int=number), reason="Because") for number in range(101)),
    )  # fmt: skip
    return Came(record.origin, state.id, state)


def _an_unknown_kind(record: Came, _world: World) -> Came | None:
    class Unknown(State):
        type = "peercafe.forum.unknown.v1"

    state = Unknown(id=str(record.key), home=record.state.home, version=record.state.version)
    return Came(record.origin, record.key, state)


FORGERIES: tuple[Forge, ...] = (
    _another_home, _on_another_topic, _on_our_own_topic, _under_our_own_prefix, _of_a_stranger, _another_key,
    _another_nonce, _another_author, _an_author_of_another_region, _anothers_id, _another_place_in_the_thread,
    _made_in_the_future, _written_after_its_last_version, _a_name_that_is_drawn_as_another,
    _a_title_the_other_way_round, _a_community_on_two_lines, _a_decision_for_another_region, _an_erasure_for_another_region, _a_negative_version, _a_version_beyond_all,
    _huge, _with_a_nul, _a_hide_for_a_reason_with_a_nul, _too_many_hides, _an_unknown_kind,
)  # fmt: skip


def forged(world: World, chosen: list[Came]) -> Iterator[Came]:
    for record in chosen:
        for forge in FORGERIES:
            found = forge(record, world)
            if found is not None:
                yield found


@settings(QUICKLY, max_examples=400)
@given(HISTORY)
def test_forged_records_change_nothing(history: History) -> None:
    world = history.world
    genuine = came("north", world.records)
    chance = random.Random(history.chance)
    forgeries = list(forged(world, chance.sample(genuine, min(2, len(genuine)))))
    both = [*genuine, *forgeries]
    chance.shuffle(both)
    replica = Replica("north", ["south", "east"])
    now = world.now + 60 * 60_000
    replica.take(both, now)
    assert replica.refused == len(forgeries)
    alone = Replica("north", ["south", "east"])
    alone.take(genuine, now)
    assert replica.shown() == alone.shown()
    assert replica.held == {}


def test_each_kind_of_forgery_is_tried() -> None:
    world = World((0, 0, 0)).play(bytes([0, 0, 0, 1, 0, 0, 6, 1, 9, 9, 0, 0, 45, 0, 0]))
    kinds = {
        forge.__name__
        for record in came("north", world.records)
        for forge in FORGERIES
        if forge(record, world)
    }
    assert kinds == {forge.__name__ for forge in FORGERIES}


@given(HISTORY, st.sampled_from(REGIONS))
def test_genuine_records_are_believed_everywhere(history: History, region: str) -> None:
    replica = delivered(history, region, Rules(), 0)
    assert replica.refused == 0
    assert replica.held == {}


def test_a_record_without_its_place_stands_where_its_id_says() -> None:
    world = World((0, 0, 0)).play(bytes([0, 0, 0]))
    post: Any = next(state for _, state in world.records if isinstance(state, PostPublished))
    old = post.model_copy(update={"written": None})
    assert fault_of(old, key=str(old.id), origin="north", region="south", neighbours=["north"]) is None


def test_what_members_may_write_at_most_is_far_from_huge() -> None:
    def most(body: type[BaseModel], field: str) -> str:
        longest: int = body.model_json_schema()["properties"][field]["maxLength"]
        return "x" * 3 * longest  # in another release

    south = Region("south")
    thread = south.thread(most(NewThread, "title"))
    post = south.post(thread.id)
    for state in (
        thread,
        post,
        south.profile("x" * 3 * names.LONGEST),
        south.hides(post.id, most(NewHide, "reason")),
    ):
        fault = fault_of(state, key=str(state.id), origin="south", region="north", neighbours=["south"])
        assert fault is None


def test_a_body_from_abroad_is_believed_up_to_the_length_that_members_may_write() -> None:
    south = Region("south")
    most = MAX_POST_BYTES // len("å".encode())
    for length, expected in ((most, None), (most + 1, "size")):
        post = south.post(south.thread().id, "å" * length)
        fault = fault_of(post, key=str(post.id), origin="south", region="north", neighbours=["south"])
        assert fault == expected


def from_south(state: State) -> str | None:
    """Why north refuses what comes on south's topic."""
    return fault_of(state, key=str(state.id), origin="south", region="north", neighbours=["south"])


def test_a_report_made_in_the_future_is_refused() -> None:
    south = Region("south")
    report = south.reports(UUID(int=1))
    assert from_south(report) is None
    assert from_south(report.model_copy(update={"version": report.version - (1 << COUNTER_BITS)})) == "time"


@pytest.mark.parametrize(
    "name",
    [
        "Kari ",
        " Kari",
        "Kari  N",
        "Kari\u00a0",
        "\u202eiraK",
        "Kari\u2800",
        "Kari\u3164",
        "Kari\u200b",
        "...",
    ],
)
@pytest.mark.parametrize("role", ["member", "consultant"])
def test_a_name_from_abroad_is_one_that_could_be_taken_here(name: str, role: str) -> None:
    assert from_south(Region("south").profile(name, role=role)) == "text"


def test_a_member_from_abroad_has_no_roles_name() -> None:
    south = Region("south")
    assert from_south(south.profile("Moderator")) == "text"
    assert from_south(south.profile("Moderator", role="consultant")) is None
    assert from_south(south.profile("Liv O'Neil-Å.", role="consultant")) is None


@pytest.mark.parametrize("turned", ["\u202eiraK", "a\u2067b", "a\tb", "a\x7fb", "a\nb"])
def test_no_line_from_abroad_turns_the_text_or_has_controls(turned: str) -> None:
    south = Region("south")
    assert from_south(south.thread(turned)) == "text"
    assert from_south(south.profile(community=turned)) == "text"
    assert from_south(south.profile(community="Lyngmo")) is None
