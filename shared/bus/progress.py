"""Whether a consumer gets on: what liveness and readiness are made of (FIELD-NOTES, FastStream 7)."""

import time
from dataclasses import dataclass, field

from shared.due import back_off

FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 30.0  # well under max_poll_interval_ms (5 min)
STUCK_AFTER = 120.0


@dataclass(slots=True)
class Progress:
    """One consumer's attempts. Times are seconds of the monotonic clock."""

    failures: int = 0
    busy: bool = False
    _last: float = field(default_factory=time.monotonic)
    _waiting_since: float | None = None

    def began(self) -> None:
        """A batch is in hand."""
        self.busy = True

    def moved(self) -> None:
        """A part of it is stored, or turned out not to be storable as it is."""
        self._last = time.monotonic()

    def succeeded(self) -> None:
        """It is handled."""
        self._last = time.monotonic()
        self.failures = 0

    def failed(self) -> float:
        """It will be tried again: returns the seconds to wait before. A finished attempt is progress too."""
        self._last = time.monotonic()
        self.failures += 1
        return back_off(FIRST_BACK_OFF, self.failures - 1, LONGEST_BACK_OFF)

    def ended(self) -> None:
        """The batch is out of hand, however it went."""
        self.busy = False

    def standing(self, lag: int) -> float:
        """For how long records have waited, as seen by calls of this, without an attempt ending."""
        if not (lag or self.busy):
            self._waiting_since = None
            return 0.0
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - max(self._last, self._waiting_since)

    def is_stuck(self, lag: int) -> bool:
        """Whether that is two minutes."""
        return self.standing(lag) > STUCK_AFTER


@dataclass(frozen=True, slots=True)
class Health:
    """`live` false: start the process anew. `ready` false: don't rely on it now; it recovers by itself.

    `failing` names the consumers whose last attempt failed; `lag` is the records each has still to handle.
    """

    live: bool
    ready: bool
    failing: tuple[str, ...]
    lag: dict[str, int]
