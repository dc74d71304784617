"""Keyed hashes and sealing, with keys that stay outside databases and backups."""

import hashlib
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

NONCE_BYTES = 12  # NIST SP 800-38D
KEY_BYTES = 32


class CannotOpen(ValueError):
    """Sealed under a key that isn't here, for another context, or changed since."""


def keyed_hash(secret: bytes, *parts: str | bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) over the parts, each after its length, so that no two lists of parts collide."""
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        mac.update(len(raw).to_bytes(8, "big"))
        mac.update(raw)
    return mac.digest()


def derive(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose from a service's secret (HKDF-Expand, RFC 5869)."""
    return HKDFExpand(SHA256(), KEY_BYTES, purpose.encode()).derive(hashlib.sha256(secret).digest())


class SealingKeys:
    """AES-256-GCM under the newest key; older keys still open. A sealed value starts with its key's id.

    `keys` maps an id (1-255) to 32 bytes; the highest id seals.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(not 0 < i < 256 or len(key) != KEY_BYTES for i, key in keys.items()):
            raise ValueError("sealing needs 32-byte keys with ids from 1 to 255")
        self._ciphers = {i: AESGCM(key) for i, key in keys.items()}
        self._newest = max(keys)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """`plaintext` sealed to `context` (what and whose it is): it opens nowhere else."""
        nonce = os.urandom(NONCE_BYTES)
        return bytes([self._newest]) + nonce + self._ciphers[self._newest].encrypt(nonce, plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Raises CannotOpen."""
        cipher = self._ciphers.get(sealed[0]) if len(sealed) > NONCE_BYTES else None
        if cipher is None:
            raise CannotOpen("not sealed, or under an unknown key")
        try:
            return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], context)
        except InvalidTag as error:
            raise CannotOpen("sealed for another context, or changed") from error
