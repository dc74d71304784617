"""Identity's keys: they hash and seal what the database holds, and never lie in it or its backups."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.keys import SealingKeys, keyed_hash

_IN_SESSION = "identity-keys"


@dataclass(frozen=True, repr=False)
class Keys:
    """`secret` hashes what people type or present, `alias_key` aliases; `sealing` seals what must be read again."""

    secret: bytes
    alias_key: bytes
    sealing: SealingKeys

    def hash_of(self, purpose: str, *parts: str | bytes) -> bytes:
        """Keyed hash (32 bytes) of a secret or name, apart per purpose: the database can't be searched without it."""
        return keyed_hash(self.secret, purpose, *parts)

    def seal(self, plaintext: bytes, context: str, owner: UUID | bytes) -> bytes:
        """Sealed to what it is and whose; moved to another row it doesn't open."""
        return self.sealing.seal(plaintext, _context(context, owner))

    def open(self, sealed: bytes, context: str, owner: UUID | bytes) -> bytes:
        """Raises shared.keys.CannotOpen."""
        return self.sealing.open(sealed, _context(context, owner))

    def in_session(self) -> dict[str, "Keys"]:
        """What a sessionmaker's `info` needs for `keys_of` to find these keys."""
        return {_IN_SESSION: self}


def _context(context: str, owner: UUID | bytes) -> bytes:
    return context.encode() + b":" + (owner.bytes if isinstance(owner, UUID) else owner)


def keys_of(session: AsyncSession) -> Keys:
    """The keys the session's maker was given."""
    keys: Keys = session.info[_IN_SESSION]
    return keys


def load_keys(path: Path, secret: str) -> Keys:
    """Raises OSError, or ValueError for a file that isn't a key file."""
    try:
        read = json.loads(path.read_text("utf-8"))
        sealing = {int(key_id): bytes.fromhex(key) for key_id, key in read["sealing"].items()}
        return Keys(secret.encode(), bytes.fromhex(read["aliases"]), SealingKeys(sealing))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            "identity's key file isn't one: restore it, nothing can be opened without it"
        ) from error


def make_key_file(path: Path) -> None:
    """Write fresh keys for a new region, readable by the owner only. Raises FileExistsError.

    All or nothing: the file appears under its name when it is whole and on the disk.
    """
    fresh = {"aliases": secrets.token_hex(32), "sealing": {"1": secrets.token_hex(32)}}
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(fresh, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename it never replaces
    finally:
        draft.unlink()
