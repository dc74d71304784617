"""Histories of three regions that write, moderate and erase one forum, each by a clock of its own; and what must come of them.

What happens is told by bytes, so that a history that breaks a rule shrinks to a few acts. The outcome is told from the acts,
not from records: what was written last, what was ever erased, which hide somebody lifted who may.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.forum.names import skeleton
from services.forum.rules.identities import entity_id, profile_id
from shared.contracts.payloads.forum import (
    Hide,
    ModerationDecided,
    PostPublished,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.contracts.payloads.payload import COUNTER_BITS, State

REGIONS = ("north", "south", "east")
START = 1_772_000_000_000  # ms since 1970
MINUTE = 60_000
FAST = 15 * MINUTE
NAMES = ("Ada", "Аda", "Bo", "B0")  # the second with a Cyrillic А

Record = tuple[str, State]  # the region on whose topic it stood


@dataclass
class Region:
    """One region: its clock's error, what it knows, and whom its members are."""

    name: str
    offset: int
    last: int = 0
    heard: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REGIONS, 0))
    knows: dict[object, State] = field(default_factory=dict)
    profiles: list[ProfilePresented] = field(default_factory=list)


class World:
    """Plays a history. Nothing here asks the rules that are being tested."""

    def __init__(self, offsets: tuple[int, int, int], salt: str = "") -> None:
        self.now = START
        self.salt = salt
        self.regions = {name: Region(name, offset) for name, offset in zip(REGIONS, offsets, strict=True)}
        self.logs: dict[str, list[State]] = {name: [] for name in REGIONS}
        self.last: dict[object, State] = {}  # as its home wrote it last, unless it was ever erased
        self.states: dict[object, list[State]] = {}
        self.hides: dict[UUID, dict[UUID, tuple[str, str]]] = {}  # target → hide → region, reason
        self.lifted: set[UUID] = set()
        self.drawn = 0

    def play(self, acts: bytes) -> "World":
        """Three bytes an act: who does what, and two to choose by."""
        for at in range(0, len(acts) - 2, 3):
            what, one, other = acts[at : at + 3]
            region = self.regions[REGIONS[what % 3]]
            ACTS[what // 3 % len(ACTS)](self, region, one, other)
        return self

    @property
    def records(self) -> list[Record]:
        """All that was ever published."""
        return [(name, state) for name in REGIONS for state in self.logs[name]]

    # -- what members do --------------------------------------------------------------------------------------------

    def presents(self, region: Region, one: int, other: int) -> ProfilePresented:
        nonce = self._nonce()
        elsewhere = [  # an operator says it, so it needn't have come over a link
            state
            for state in self.last.values()
            if isinstance(state, ProfilePresented) and state.home != region.name and state.name
        ]
        first = elsewhere[other % len(elsewhere)] if elsewhere and other % 2 == 0 else None
        profile = ProfilePresented(
            id=profile_id(region.name, nonce), home=region.name, version=self._tick(region), nonce=nonce.hex(),
            role="consultant" if other % 3 else "member", mark=one,
            name=first.name if first else self.salt + NAMES[one % len(NAMES)],
            same_as=first.id if first else None,
        )  # fmt: skip
        region.profiles.append(profile)
        self._publish(region, profile)
        return profile

    def opens(self, region: Region, one: int, other: int) -> None:
        author = self._author(region, one)
        thread = ThreadOpened(**self._written(region, author), title=f"Title {other}", wish="listen")
        self._publish(region, thread)
        self._post(region, author, thread.id, f"Opening {other}", opening=True)

    def replies(self, region: Region, one: int, other: int) -> None:
        threads = _known(region, ThreadOpened)
        if not threads:
            return self.opens(region, one, other)
        thread, author = threads[other % len(threads)], self._author(region, one)
        usurps = one % 4 == 3 and author.id != thread.author_id  # says that it opens what isn't its writer's
        self._post(region, author, thread.id, f"Reply {other}", opening=usurps)
        return None

    def edits(self, region: Region, one: int, other: int) -> None:
        for post in self._own(region, PostPublished, one):
            self._changed(region, post, body=f"Edit {other}", edited=True)

    def removes(self, region: Region, one: int, _other: int) -> None:
        for post in self._own(region, PostPublished, one):
            self._erased(region, post)

    def reacts(self, region: Region, one: int, other: int) -> None:
        posts = _known(region, PostPublished)
        if posts:
            written = self._written(region, self._author(region, one))
            self._publish(
                region, ReactionGiven(**written, post_id=posts[other % len(posts)].id, kind="thanks")
            )

    def takes_back(self, region: Region, one: int, _other: int) -> None:
        for reaction in self._own(region, ReactionGiven, one):
            self._erased(region, reaction)

    def renames(self, region: Region, one: int, other: int) -> None:
        for profile in self._own(region, ProfilePresented, one):
            self._changed(region, profile, name=self.salt + NAMES[other % len(NAMES)])

    def leaves(self, region: Region, one: int, _other: int) -> None:
        for profile in self._own(region, ProfilePresented, one):
            for state in list(region.knows.values()):
                if getattr(state, "author_id", None) == profile.id:
                    self._erased(region, state)
            self._erased(region, profile)

    # -- what consultants do ----------------------------------------------------------------------------------------

    def hides_one(self, region: Region, one: int, other: int) -> None:
        posts = _known(region, PostPublished)[:3]
        if posts:
            target = posts[one % len(posts)].id
            hide = Hide(id=UUID(bytes=self._nonce()), reason=f"Reason {other}")
            before = self._decision(region, target)
            self.hides.setdefault(target, {})[hide.id] = (region.name, hide.reason)
            self._decides(region, target, (*before.hides, hide) if before else (hide,), before)

    def restores(self, region: Region, one: int, _other: int) -> None:
        """Lifts what its consultant sees and may lift."""
        self._lifts(region, one, may=lambda post, decision: region.name in (post.home, decision.home))

    def oversteps(self, region: Region, one: int, _other: int) -> None:
        """A region says that it lifts what isn't its to lift; nobody minds."""
        self._lifts(region, one, may=lambda _post, _decision: True)

    def _lifts(
        self, region: Region, one: int, may: Callable[[PostPublished, ModerationDecided], bool]
    ) -> None:
        posts = [post for post in _known(region, PostPublished) if post.id in self.hides]
        if not posts:
            return
        post = posts[one % len(posts)]
        decisions = [
            state
            for state in region.knows.values()
            if isinstance(state, ModerationDecided) and state.target_id == post.id
        ]
        lifts = {hide.id for decision in decisions if may(post, decision) for hide in decision.hides}
        if lifts:
            before = self._decision(region, post.id)
            self._decides(region, post.id, before.hides if before else (), before, lifts)
            for decision in decisions:
                if region.name in (post.home, decision.home):
                    self.lifted.update(hide.id for hide in decision.hides if hide.id in lifts)

    # -- what happens to regions ------------------------------------------------------------------------------------

    def hears(self, region: Region, one: int, other: int) -> None:
        """Some of what another region has published comes over the link."""
        of = REGIONS[one % 3]
        new = self.logs[of][region.heard[of] :][: 1 + other % 8]
        region.heard[of] += len(new)
        for state in new:
            self._learns(region, state)

    def waits(self, _region: Region, one: int, _other: int) -> None:
        self.now += one * 1_000

    def says_again_late(self, region: Region, one: int, other: int) -> None:
        """A publish that had timed out arrives after its successors."""
        own = self.logs[region.name]
        if own:
            self.logs[region.name].append(own[(one * 256 + other) % len(own)])

    def is_set_back(self, region: Region, one: int, other: int) -> None:
        """Its database comes from a backup without an erasure, and somebody edits what had been erased."""
        for post in self._own(region, PostPublished, one, erased=True):
            zombie = post.model_copy(
                update={"version": self._tick(region), "erased": False, "body": f"Undead {other}"}
            )
            self.logs[region.name].append(zombie)

    def says_again_above(self, region: Region, one: int, other: int) -> None:
        """A state of its own goes out again with a new version: a repair."""
        own = [state for state in region.knows.values() if state.home == region.name]
        if own:
            self._changed(region, own[(one * 256 + other) % len(own)])

    # -- how it is said ---------------------------------------------------------------------------------------------

    def _tick(self, region: Region) -> int:
        region.last = max(self.now + region.offset << COUNTER_BITS, region.last + 1)
        self.now += 1
        return region.last

    def _nonce(self) -> bytes:
        self.drawn += 1
        return hashlib.sha256(f"{self.salt} {self.drawn}".encode()).digest()[:16]

    def _author(self, region: Region, one: int) -> ProfilePresented:
        staying = [p for p in region.profiles if not region.knows[p.id].erased]
        return staying[one % len(staying)] if staying else self.presents(region, one, one)

    def _written(self, region: Region, author: ProfilePresented) -> dict[str, Any]:
        version, nonce = self._tick(region), self._nonce()
        return {
            "id": entity_id(region.name, version >> COUNTER_BITS, nonce), "home": region.name, "version": version,
            "nonce": nonce.hex(), "author_id": author.id, "author_nonce": author.nonce,
        }  # fmt: skip

    def _post(
        self, region: Region, author: ProfilePresented, thread: UUID, body: str, *, opening: bool
    ) -> None:
        written = self._written(region, author)
        post = PostPublished(
            **written, thread_id=thread, written=written["version"], opening=opening, body=body
        )
        self._publish(region, post)

    def _own(self, region: Region, kind: type[Any], one: int, *, erased: bool = False) -> Iterator[Any]:
        """One of the region's own, if it has any."""
        own = [s for s in _known(region, kind) if s.home == region.name and s.erased is erased]
        if own:
            yield own[one % len(own)]

    def _changed(self, region: Region, state: State, **changes: object) -> None:
        self._publish(region, state.model_copy(update={"version": self._tick(region), **changes}))

    def _erased(self, region: Region, state: State) -> None:
        if not state.erased:
            content = ("body", "title", "wish", "kind", "name", "mark")
            kept = dict.fromkeys(name for name in content if name in type(state).model_fields)
            self._changed(region, state, erased=True, **kept)

    def _decision(self, region: Region, target: UUID) -> ModerationDecided | None:
        found = region.knows.get(f"{target}:{region.name}")
        return found if isinstance(found, ModerationDecided) else None

    def _decides(
        self,
        region: Region,
        target: UUID,
        hides: tuple[Hide, ...],
        before: ModerationDecided | None,
        lifts: set[UUID] = frozenset(),  # type: ignore[assignment]
    ) -> None:
        lifted = tuple(sorted({*(before.lifts if before else ()), *lifts}))
        self._publish(
            region,
            ModerationDecided(
                id=f"{target}:{region.name}", home=region.name, version=self._tick(region), target_id=target,
                target_kind="post", hides=hides, lifts=lifted,
            ),
        )  # fmt: skip

    def _publish(self, region: Region, state: State) -> None:
        self.logs[region.name].append(state)
        self.last[state.id] = state
        region.knows[state.id] = state

    def _learns(self, region: Region, state: State) -> None:
        known = region.knows.get(state.id)
        if known is None or (not known.erased and (state.erased or state.version > known.version)):
            region.knows[state.id] = state
        if region.last < state.version <= self.now + region.offset + 10 * MINUTE << COUNTER_BITS:
            region.last = state.version

    # -- what must come of it ---------------------------------------------------------------------------------------

    def hidden(self) -> dict[UUID, set[str]]:
        """Targets with a hide that nobody lifted who may; and those hides' reasons."""
        standing = {
            target: {reason for hide, (_, reason) in hides.items() if hide not in self.lifted}
            for target, hides in self.hides.items()
        }
        return {target: reasons for target, reasons in standing.items() if reasons}

    def numbers(self) -> dict[UUID, tuple[int, bool]]:
        """Of each thread: replies that stand, and whether somebody else than who opened it wrote one of them."""
        posts = [state for state in self.last.values() if isinstance(state, PostPublished)]
        openers = {
            state.id: state.author_id for state in self.last.values() if isinstance(state, ThreadOpened)
        }
        replies: dict[UUID, list[PostPublished]] = {thread: [] for thread in openers}
        for post in posts:
            if not post.erased and not (post.opening and post.author_id == openers[post.thread_id]):
                replies[post.thread_id].append(post)
        return {
            thread: (len(found), any(post.author_id != openers[thread] for post in found))
            for thread, found in replies.items()
        }

    def plain(self) -> set[UUID]:
        """Who keeps their name plain: of each look the smallest id, and a consultant's other accounts with it."""
        named: dict[str, list[ProfilePresented]] = {}
        for state in self.last.values():
            if isinstance(state, ProfilePresented) and state.name is not None:
                named.setdefault(skeleton(state.name), []).append(state)
        plain = set()
        for found in named.values():
            first = min(found, key=lambda profile: profile.id)
            plain.add(first.id)
            if first.role == "consultant":
                person = first.same_as or first.id
                others = [profile for profile in found if profile.role == "consultant"]
                plain |= {profile.id for profile in others if (profile.same_as or profile.id) == person}
        return plain


def _known(region: Region, kind: type[Any]) -> list[Any]:
    return [state for state in region.knows.values() if isinstance(state, kind)]


ACTS: tuple[Callable[[World, Region, int, int], object], ...] = (
    World.opens, World.replies, World.hears, World.hides_one, World.restores, World.edits, World.hears, World.removes,
    World.replies, World.presents, World.hears, World.waits, World.hides_one, World.restores, World.renames,
    World.reacts, World.takes_back, World.leaves, World.says_again_late, World.is_set_back, World.oversteps,
    World.says_again_above,
)  # fmt: skip
