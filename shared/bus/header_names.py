"""Reads records that aiokafka can't: those with a header whose name isn't UTF-8.

Anybody who may write to a topic can put one there. aiokafka raises while it takes records out of what it fetched, before
any code of ours sees one, and then for ever: nothing behind that record in its partition would be read again. Java's
clients replace such bytes; so do we, and what else is in the record decides whether it is good.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH_AT, LENGTH_ENDS = 8, 12  # of a batch: its offset, then how many bytes come after these twelve


class Records:
    """In place of aiokafka's `MemoryRecords`: the batches of one partition in an answer to a fetch."""

    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._end = 0
        records = MemoryRecords(buffer)
        self._next_batch = records.next_batch
        self.has_next = records.has_next
        self.size_in_bytes = records.size_in_bytes

    def next_batch(self) -> Any:
        """The next, or None."""
        batch = self._next_batch()
        if batch is None:
            return None
        start = self._end
        (length,) = struct.unpack_from(">i", self._buffer, start + LENGTH_AT)
        self._end = start + LENGTH_ENDS + length
        return _Batch(batch, memoryview(self._buffer)[start : self._end])


class _Batch:
    """One batch, read as aiokafka does where it can."""

    def __init__(self, batch: Any, buffer: memoryview) -> None:
        self._batch = batch
        self._buffer = buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(_Patient(self._buffer))


class _Patient(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own reading in Python, of bytes that can always be decoded."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)  # type: ignore[has-type]


class _Bytes(bytearray):
    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Bytes(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


def install() -> None:
    """Have every consumer of this process read so. Doing it twice changes nothing."""
    fetcher.MemoryRecords = Records
