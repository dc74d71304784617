"""Whether a record may be believed, from the record alone (DESIGN §4)."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.forum.ids import is_entity_of, is_profile_of, time_of
from shared.bus.records import Received
from shared.contracts.payloads.forum import (
    ErasureRequested,
    ModerationDecided,
    PostPublished,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.hlc import COUNTER_BITS

HIGHEST_VERSION = 2**63 - 1


def fault_of(record: Received[Any], region: str, neighbours: Collection[str]) -> str | None:
    """Why a record is refused (a code for the security log), or None.

    Its topic's prefix must be a configured neighbour's and name its home; entity and author ids must recompute.
    """
    state = record.payload
    if record.origin is not None and record.origin not in neighbours:
        return "origin"
    if state.home != (record.origin or region):
        return "home"
    if record.key != str(state.id) or not 0 <= state.version <= HIGHEST_VERSION:
        return "key"
    match state:
        case ProfilePresented():
            genuine = is_profile_of(state.id, state.home, bytes.fromhex(state.nonce))
        case ThreadOpened() | PostPublished() | ReactionGiven():
            genuine = is_entity_of(state.id, state.home, bytes.fromhex(state.nonce)) and is_profile_of(
                state.author_id, state.home, bytes.fromhex(state.author_nonce)
            )
        case ModerationDecided():
            genuine = state.id == f"{state.target_id}:{state.home}"
        case ErasureRequested():
            genuine = state.id == f"{state.erasure_id}:{state.home}"
        case _:
            genuine = False
    if genuine and isinstance(state, PostPublished) and state.written is not None:
        genuine = state.written >> COUNTER_BITS == time_of(state.id)
    return None if genuine else "id"


def subject_of(record: Received[Any]) -> UUID | None:
    """The entity a refused record claims to be about, for the security log."""
    state = record.payload
    subject = getattr(state, "target_id", None) or getattr(state, "erasure_id", None) or state.id
    return subject if isinstance(subject, UUID) else None
