"""This region as a writer: the ids and versions it gives."""

import os
from dataclasses import dataclass
from uuid import UUID

from services.forum.rules.identities import NONCE_BYTES, entity_id, profile_id
from shared.hlc import COUNTER_BITS, HybridLogicalClock


@dataclass(frozen=True, slots=True)
class Identity:
    """An id and the nonce that proves its home."""

    id: UUID
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Home:
    """This region as a writer."""

    region: str
    clock: HybridLogicalClock

    def entity(self, version: int) -> Identity:
        """A new id for what is first written as `version`: its time is the version's."""
        nonce = os.urandom(NONCE_BYTES)
        return Identity(entity_id(self.region, version >> COUNTER_BITS, nonce), nonce)

    def profile(self) -> Identity:
        """A new profile's id."""
        nonce = os.urandom(NONCE_BYTES)
        return Identity(profile_id(self.region, nonce), nonce)

    def version_after(self, previous: int) -> int:
        """The next version of a row that stands at `previous`."""
        self.clock.observe(previous)
        return max(self.clock.tick(), previous + 1)
