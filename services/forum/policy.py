"""Pure rules of the forum."""

from datetime import timedelta

from shared.database.engine import TRANSACTION_SECONDS

MAX_POST_BYTES = 16 * 1024
# How far a read mark stays behind: nothing that is still being committed can have arrived before it.
MARK_STAYS_BACK = timedelta(seconds=TRANSACTION_SECONDS)
VIEW_AGAIN_AFTER = timedelta(minutes=30)
MOST_SHOWN = 1000  # ids that a read mark keeps; the oldest go first
REACTIONS = ("thanks", "recognise", "thinking")


def too_long(body: str) -> bool:
    """Whether a post is over the limit, as UTF-8."""
    return len(body.encode()) > MAX_POST_BYTES
