"""Files sealed as a stream, for backups: AES-256-GCM in chunks whose order and end are sealed too.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the chunk's number and whether it is
the last, under a key that seals nothing but this one file. So a chunk that is missing, moved or changed doesn't open.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"peercafe-backup-1\n"
CHUNK = 1 << 20
TAG = 16


class Damaged(ValueError):
    """Not a file of ours, not whole, changed since, or sealed under another key."""


class Sealing:
    """Seals what is written into `file`. It is whole only after a `with` block that ended well."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._number = 0
        self._waiting = bytearray()
        file.write(MAGIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._put(bytes(self._waiting), last=True)

    def write(self, data: bytes) -> None:
        """Any amount."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


def opened(file: IO[bytes], key: bytes) -> Iterator[bytes]:
    """What was sealed, chunk by chunk. Raises Damaged, also at the end: until then it may not be whole."""
    if file.read(len(MAGIC)) != MAGIC:
        raise Damaged("not a backup")
    cipher = AESGCM(key)
    number, chunk = 0, file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise Damaged("changed, not whole, or sealed under another key") from error
        if not following:
            return
        number, chunk = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
