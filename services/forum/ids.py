"""This region as a writer: the ids and versions it gives."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.forum.rules.identities import NONCE_BYTES, entity_id, profile_id
from shared import clock
from shared.hlc import COUNTER_BITS, HybridLogicalClock, time_of, version_at

WRITTEN_AHEAD = timedelta(seconds=1)
ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """An id and the nonce that proves its home."""

    id: UUID
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Home:
    """This region as a writer. `apart`: how long what is written, here or elsewhere, stands for its writer alone."""

    region: str
    clock: HybridLogicalClock
    apart: timedelta = timedelta()

    def written(self, version: int) -> int:
        """When what is first written as `version` is written, as it tells others: little ahead of this region's own time.

        Versions follow neighbours' clocks for minutes. What is written here wouldn't then stand for others at the moment at
        which it stands elsewhere.
        """
        return min(version, version_at(clock.now() + WRITTEN_AHEAD))

    def entity(self, written: int) -> Identity:
        """A new id for what is first written then."""
        nonce = os.urandom(NONCE_BYTES)
        return Identity(entity_id(self.region, written >> COUNTER_BITS, nonce), nonce)

    def stands_from(self, written: int, at: datetime) -> datetime:
        """When what is first `written` then, at `at`, stands for others: at once in a region alone.

        Whoever is ahead of time doesn't make it wait for longer than twice as long. `replicas.tables` has it for what comes.
        """
        return max(at, min(time_of(written) + self.apart, at + 2 * self.apart))

    def standing(self) -> datetime:
        """What arrived until then stands for others now."""
        return clock.now() if self.apart else ALWAYS

    def profile(self) -> Identity:
        """A new profile's id."""
        nonce = os.urandom(NONCE_BYTES)
        return Identity(profile_id(self.region, nonce), nonce)

    def version_after(self, previous: int) -> int:
        """The next version of a row that stands at `previous`."""
        self.clock.observe(previous)
        return max(self.clock.tick(), previous + 1)
