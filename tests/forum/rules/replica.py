"""A region's replica in memory, of nothing but the rules; and the rules as something in which mistakes can be planted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from services.forum.names import skeleton
from services.forum.rules import believing, counting, hiding, merging, naming, waiting
from shared.contracts.payloads.forum import (
    ModerationDecided,
    PostPublished,
    ProfilePresented,
    ThreadOpened,
)
from shared.contracts.payloads.payload import State


class Came(NamedTuple):
    """A record as it comes to a region: `origin` is the neighbour's prefix, None on the region's own topic."""

    origin: str | None
    key: str
    state: State


def came(region: str, records: Iterable[tuple[str, State]]) -> list[Came]:
    """Records (region on whose topic they stand, state) as `region` reads them."""
    return [Came(None if of == region else of, str(state.id), state) for of, state in records]


@dataclass(frozen=True)
class Rules:
    """What the replica asks. Each default is the rule itself."""

    fault_of: Callable[..., str | None] = believing.fault_of
    merged: Callable[[Any, Any], Any] = merging.merged
    is_held: Callable[..., bool] = waiting.is_held
    reason: Callable[..., str | None] = hiding.reason
    marked: Callable[..., set[UUID]] = naming.marked
    numbers: Callable[..., counting.Numbers] = counting.numbers


@dataclass
class Replica:
    """Takes batches as they come, and says what its pages would show."""

    region: str
    neighbours: Sequence[str]
    rules: Rules = field(default_factory=Rules)
    rows: dict[tuple[str, object], State] = field(default_factory=dict)
    held: dict[tuple[str, object], Came] = field(default_factory=dict)
    refused: int = 0

    def take(self, batch: Iterable[Came], now_ms: int) -> None:
        """As the consumer does."""
        for record in batch:
            fault = self.rules.fault_of(
                record.state,
                key=record.key,
                origin=record.origin,
                region=self.region,
                neighbours=self.neighbours,
            )
            if fault is not None:
                self.refused += 1
                continue
            place = (record.state.type, record.state.id)
            if self.rules.is_held(record.state.version, now_ms, own=record.origin is None):
                waits = self.held.get(place)
                state = self.rules.merged(None if waits is None else waits.state, record.state)
                self.held[place] = record._replace(state=state)
            else:
                self.rows[place] = self.rules.merged(self.rows.get(place), record.state)

    def release(self, now_ms: int) -> None:
        """What is due now is taken like any other."""
        held, self.held = self.held, {}
        self.take(held.values(), now_ms)

    def shown(self, muted: Sequence[str] = ()) -> "Shown":
        """All that pages are made of."""
        posts: dict[UUID, list[PostPublished]] = defaultdict(list)
        decisions: dict[UUID, list[ModerationDecided]] = defaultdict(list)
        homes: dict[UUID, str] = {}
        profiles: list[naming.Named] = []
        openers: dict[UUID, UUID] = {}
        for state in self.rows.values():
            if isinstance(state, PostPublished):
                posts[state.thread_id].append(state)
                homes[state.id] = state.home
            elif isinstance(state, ThreadOpened):
                openers[state.id] = state.author_id
            elif isinstance(state, ModerationDecided):
                decisions[state.target_id].append(state)
            elif isinstance(state, ProfilePresented):
                looks = None if state.name is None else skeleton(state.name)
                profiles.append(naming.Named(state.id, looks, naming.person_of(state, muted)))
        reasons = {
            target: self.rules.reason(made, homes[target], muted)
            for target, made in decisions.items()
            if target in homes
        }
        return Shown(
            {state.id: state for state in self.rows.values()},
            {target: reason for target, reason in reasons.items() if reason is not None},
            self.rules.marked(profiles),
            {thread: self.rules.numbers(written, openers.get(thread)) for thread, written in posts.items()},
        )


class Shown(NamedTuple):
    """Rows by id, hidden targets with the reason shown, profiles that bear the mark, threads' numbers."""

    rows: dict[object, State]
    hidden: dict[UUID, str]
    marked: set[UUID]
    numbers: dict[UUID, counting.Numbers]
