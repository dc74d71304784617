"""Characters that no line from elsewhere may have: those that turn the text around, and controls."""

import unicodedata

# The classes of what embeds, overrides and isolates (Unicode UAX #9): all that follows would be drawn the other way round.
TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def turns_or_controls(line: str) -> bool:
    """Whether a line has one; no API of ours takes them (shared.api.text)."""
    return any(unicodedata.bidirectional(c) in TURNING or unicodedata.category(c) == "Cc" for c in line)
