"""Pure rules of the forum."""

from datetime import timedelta

from shared.database.engine import TRANSACTION_SECONDS

# How far a read mark stays behind: nothing that is still being committed can have arrived before it.
MARK_STAYS_BACK = timedelta(seconds=TRANSACTION_SECONDS)
VIEW_AGAIN_AFTER = timedelta(minutes=30)
MOST_SHOWN = 1000  # ids that a read mark keeps; the oldest go first
# What somebody writes stands for others from then on, counted from when it was written: a little longer than mirroring
# takes, so that what was written here isn't there sooner than what was written elsewhere (docs/decisions/0017).
STANDS_AFTER = timedelta(seconds=1.5)
REACTIONS = ("thanks", "recognise", "thinking")
