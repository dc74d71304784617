"""Records ahead of time: a writer's clock is wrong. They wait, so that no page shows the future."""

from shared.contracts.payloads.payload import COUNTER_BITS

HELD_AHEAD_MS = 10 * 60 * 1000


def due_ms(version: int) -> int:
    """Milliseconds since 1970, by our own clock, from which on a record of that version counts."""
    return (version >> COUNTER_BITS) - HELD_AHEAD_MS


def is_held(version: int, now_ms: int, *, own: bool) -> bool:
    """Whether a record waits. Our own never does: its row stood here before it was published."""
    return not own and due_ms(version) > now_ms
