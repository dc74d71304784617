"""Text as people may send it: NFC, no control characters, no bidirectional overrides, something to be seen."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

# Overrides, embeddings, isolates and marks that reorder text (Unicode UAX #9), and invisible separators.
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
ALLOWED_CONTROLS = frozenset("\n\t")
# Letters and a symbol that are drawn as nothing: fillers of Hangul, and Braille without a dot.
BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
MOST_MARKS = (
    8  # on one letter, after NFC: no language piles up more, and thirty cover the lines above and below
)


def _refuse() -> PydanticCustomError:
    return PydanticCustomError(
        "text_not_allowed", "Please remove characters that can't be seen or that turn the text around."
    )


def _text(value: str) -> str:
    normal = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    marks = 0
    for character in normal:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            raise _refuse()
        if character in BIDI or category in ("Cs", "Co", "Cn"):
            raise _refuse()
        if category == "Cc" and character not in ALLOWED_CONTROLS:
            raise _refuse()
    return normal.strip()


def _line(value: str) -> str:
    normal = _text(value)
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in normal):
        raise _refuse()
    return " ".join(normal.split())


def _not_empty(value: str) -> str:
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in BLANK for c in value):
        raise PydanticCustomError("text_empty", "Please write something here.")
    return value


Text = Annotated[str, StringConstraints(max_length=16_384), AfterValidator(_text), AfterValidator(_not_empty)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_line), AfterValidator(_not_empty)]
