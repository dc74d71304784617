"""Ids that commit to their home region without showing it, and can be recomputed from the record alone.

Threads, posts and reactions: UUIDv7 layout, the 74 free bits from SHA-256(home ‖ ms ‖ nonce).
Profiles: UUIDv8, its 122 free bits from SHA-256(home ‖ nonce), because a profile shows no joining time.
In the hash `home` is UTF-8 after its length (8 bytes, big-endian), `ms` 6 bytes big-endian, the nonce 16 bytes.
"""

import hashlib
from uuid import UUID

NONCE_BYTES = 16
MS_BITS = 48
LOW_BITS = 62  # rand_b of version 7, custom_c of version 8 (RFC 9562)
VARIANT = 0b10 << LOW_BITS


def entity_id(home: str, ms: int, nonce: bytes) -> UUID:
    """The id of a thread, post or reaction of `home`, made at `ms` (milliseconds since 1970, 48 bits)."""
    time = ms.to_bytes(MS_BITS // 8, "big")
    free = int.from_bytes(_digest(home, time, nonce)) >> (256 - 74)
    return UUID(int=ms << 80 | 0x7 << 76 | free >> LOW_BITS << 64 | VARIANT | free & (1 << LOW_BITS) - 1)


def profile_id(home: str, nonce: bytes) -> UUID:
    """The id of a profile of `home`; tells no time."""
    free = int.from_bytes(_digest(home, b"", nonce)) >> (256 - 122)
    high, middle, low = free >> 74, free >> LOW_BITS & 0xFFF, free & (1 << LOW_BITS) - 1
    return UUID(int=high << 80 | 0x8 << 76 | middle << 64 | VARIANT | low)


def time_of(entity: UUID) -> int:
    """Milliseconds since 1970 at which a thread, post or reaction was made."""
    return entity.int >> 80


def is_entity_of(entity: UUID, home: str, nonce: bytes) -> bool:
    """Whether this thread, post or reaction id was made by `home` with `nonce`."""
    return len(nonce) == NONCE_BYTES and entity == entity_id(home, time_of(entity), nonce)


def is_profile_of(profile: UUID, home: str, nonce: bytes) -> bool:
    """Whether this profile id was made by `home` with `nonce`."""
    return len(nonce) == NONCE_BYTES and profile == profile_id(home, nonce)


def _digest(home: str, time: bytes, nonce: bytes) -> bytes:
    name = home.encode()
    return hashlib.sha256(len(name).to_bytes(8, "big") + name + time + nonce).digest()
