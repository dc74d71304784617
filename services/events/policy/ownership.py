"""By what the owner of a name to be called by finds it, and nobody else can."""

from uuid import UUID

from shared.keys import keyed_hash


def owner_of(secret: bytes, gathering_id: UUID, alias: UUID) -> bytes:
    """32 bytes that only this service can tell from (café, alias)."""
    return keyed_hash(secret, "called-name", gathering_id.bytes, alias.bytes)
