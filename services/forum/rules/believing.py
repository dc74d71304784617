"""Whether a record may be believed, from the record alone and in any order."""

from collections.abc import Collection, Mapping

from services.forum.names import disguise_of
from services.forum.rules.identities import is_entity_of, is_profile_of, time_of
from services.forum.rules.lengths import too_long
from services.forum.rules.wording import turns_or_controls
from shared.contracts.payloads.forum import (
    DigestSummed,
    ErasureRequested,
    ModerationDecided,
    PostPublished,
    PostReported,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.contracts.payloads.payload import COUNTER_BITS, State

HIGHEST_VERSION = 2**63 - 1

# Characters, and of decisions hides and lifts: about four times what this release lets its members write, so that
# another one may allow more. What is far longer fits into no index.
LONGEST: Mapping[type[State], Mapping[str, int]] = {
    ProfilePresented: {"name": 120, "community": 1000},
    ThreadOpened: {"title": 500},
    ModerationDecided: {"hides": 100, "lifts": 1000},
}
LONGEST_REASON = 1000


def fault_of(
    state: State, *, key: str, origin: str | None, region: str, neighbours: Collection[str]
) -> str | None:
    """Why `region` refuses a record (a code for the security log), or None.

    `origin` is the prefix of the topic it came on (None: the region's own); it must be a configured neighbour and name
    the record's home. `key` is the record's. Ids of entity and author must recompute, and nothing be first written
    after it was last. No text may have a NUL, which PostgreSQL can't keep. Nothing from elsewhere may be huge, and no line
    drawn as another.
    """
    if origin is not None and (origin not in neighbours or origin == region):
        return "origin"
    if state.home != (origin or region):
        return "home"
    if key != str(state.id) or not 0 <= state.version <= HIGHEST_VERSION:
        return "key"
    if not _is_genuine(state):
        return "id"
    if _is_made_later(state):
        return "time"
    if _has_nul(state):
        return "text"
    if origin is None:
        return None
    if _is_too_long(state):
        return "size"
    return "text" if _is_disguised(state) else None


def _is_genuine(state: State) -> bool:
    match state:
        case ProfilePresented():
            return is_profile_of(state.id, state.home, bytes.fromhex(state.nonce))
        case PostPublished():
            stands_where_its_id_says = state.written is None or state.written >> COUNTER_BITS == time_of(
                state.id
            )
            return stands_where_its_id_says and _is_authored(state)
        case ThreadOpened() | ReactionGiven():
            return _is_authored(state)
        case PostReported():
            return is_entity_of(state.id, state.home, bytes.fromhex(state.nonce))
        case ModerationDecided():
            return state.id == f"{state.target_id}:{state.home}"
        case ErasureRequested():
            return state.id == f"{state.erasure_id}:{state.home}"
        case DigestSummed():
            says = f"{state.home}:{state.about}:{state.kind}:{state.bucket}"
            return state.id == says and 0 <= state.until <= HIGHEST_VERSION
        case _:
            return False


def _is_authored(state: PostPublished | ThreadOpened | ReactionGiven) -> bool:
    return is_entity_of(state.id, state.home, bytes.fromhex(state.nonce)) and is_profile_of(
        state.author_id, state.home, bytes.fromhex(state.author_nonce)
    )


def _has_nul(state: State) -> bool:
    match state:
        case PostPublished():
            return "\0" in (state.body or "")
        case ThreadOpened():
            return "\0" in (state.title or "")
        case ProfilePresented():
            return "\0" in (state.name or "") or "\0" in (state.community or "")
        case ModerationDecided():
            return any("\0" in hide.reason for hide in state.hides)
        case _:
            return False


def _is_made_later(state: State) -> bool:
    """Whether it says that it was first written after it was last. An older version would wait for its time (`waiting`)."""
    match state:
        case PostPublished(written=written) if written is not None:
            return written > state.version
        case PostPublished() | ThreadOpened() | ReactionGiven() | PostReported():
            return time_of(state.id) > state.version >> COUNTER_BITS
        case _:
            return False


def _is_disguised(state: State) -> bool:
    """Whether what stands on a line of its own could be drawn as something else."""
    match state:
        case ProfilePresented():
            if state.name is not None and disguise_of(state.name, role=state.role == "consultant"):
                return True
            return turns_or_controls(state.community or "")
        case ThreadOpened():
            return turns_or_controls(state.title or "")
        case _:
            return False


def _is_too_long(state: State) -> bool:
    if isinstance(state, PostPublished):
        # As ours, since it has to be rendered: a release that lets its members write more comes after one that believes it.
        return state.body is not None and too_long(state.body)
    for name, longest in LONGEST.get(type(state), {}).items():
        if len(getattr(state, name) or ()) > longest:
            return True
    return isinstance(state, ModerationDecided) and any(
        len(hide.reason) > LONGEST_REASON for hide in state.hides
    )
