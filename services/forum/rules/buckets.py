"""Which rows a digest sums up (`digests` says how): a home's rows of one kind, in one bucket, below a mark.

A bucket is what was made in one week since 1970, where ids bear their time; profiles and erasures, which tell none, go
by the first hexadecimal digit of theirs. So it is a range of ids.

A mark is a version on the home's own clock. Where somebody writes all the time two regions would never sum up the same
moment; so the home names a mark in its own digests, and the others sum up what they have below the newest mark they know.
An edit takes its row past the mark in every region alike. No region's clock is compared with another's.
"""

from collections.abc import Sequence
from typing import Literal, get_args
from uuid import UUID

from services.forum.rules.waiting import HELD_AHEAD_MS
from shared.contracts.payloads.payload import COUNTER_BITS

Kind = Literal["profiles", "threads", "posts", "reactions", "moderation", "reports", "erasures"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BY_DIGIT: tuple[Kind, ...] = ("profiles", "erasures")  # whose ids tell no time
DIGITS = 16
WEEK_MS = 7 * 24 * 60 * 60 * 1000
ID_BITS, TIME_BITS, DIGIT_BITS = 128, 80, 124  # all, right of an id's time, right of its first digit
MARKS = 20  # of each home's that another region remembers


def bucket_of(kind: Kind, id_: UUID) -> int:
    """The bucket of an entity: by its id; of a decision by its target's, of an erasure by `erasure_id`."""
    return id_.int >> DIGIT_BITS if kind in BY_DIGIT else (id_.int >> TIME_BITS) // WEEK_MS


def bounds(kind: Kind, bucket: int) -> tuple[UUID, UUID]:
    """The lowest and the highest id of a bucket."""
    if kind in BY_DIGIT:
        return UUID(int=bucket << DIGIT_BITS), UUID(int=((bucket + 1) << DIGIT_BITS) - 1)
    end = min((bucket + 1) * WEEK_MS << TIME_BITS, 1 << ID_BITS)
    return UUID(int=bucket * WEEK_MS << TIME_BITS), UUID(int=end - 1)


def is_bucket(kind: str, bucket: int, now_ms: int) -> bool:
    """Whether there can be that bucket: it bounds how many a neighbour can name."""
    last = DIGITS - 1 if kind in BY_DIGIT else now_ms // WEEK_MS + 1
    return kind in KINDS and 0 <= bucket <= last


def mark_at(ms: int) -> int:
    """The mark that leaves out what was written from `ms` (milliseconds since 1970) on."""
    return max(ms, 0) << COUNTER_BITS


def newest_mark(marks: Sequence[int], now_ms: int) -> int | None:
    """Of a home's marks the newest up to which all its records count here: what comes from the future is held."""
    return max((mark for mark in marks if mark >> COUNTER_BITS <= now_ms + HELD_AHEAD_MS), default=None)
