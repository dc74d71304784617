"""The code of the day: six digits, made per café and day, kept nowhere.

Digits, because they are read out at a table and typed on any phone in any language.
"""

import hmac
import unicodedata
from datetime import date
from uuid import UUID

from shared.keys import keyed_hash

DIGITS = 6


def code_of_the_day(secret: bytes, gathering_id: UUID, day: date) -> str:
    """Six digits that follow from the service's secret, the café and its day."""
    number = int.from_bytes(keyed_hash(secret, "check-in", gathering_id.bytes, day.isoformat())[:8], "big")
    return f"{number % 10**DIGITS:0{DIGITS}}"


def readable(code: str) -> str:
    """In two groups, as it is read out."""
    return f"{code[: DIGITS // 2]} {code[DIGITS // 2 :]}"


def is_code(typed: str, code: str) -> bool:
    """Whether `typed` is the code, however it is spaced or whichever digits the keyboard has."""
    digits = "".join(str(unicodedata.digit(c)) for c in typed if unicodedata.digit(c, None) is not None)
    return hmac.compare_digest(digits.encode(), code.encode())
