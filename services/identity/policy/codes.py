"""Codes that people copy from paper: Crockford's base 32, in groups, read kindly."""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # https://www.crockford.com/base32.html
INVITATION_LENGTH = 16  # 80 bits
RECOVERY_LENGTH = 12  # 60 bits, beside a sign-in name
RECOVERY_CODES = 8
_READ = str.maketrans({"O": "0", "I": "1", "L": "1"})


def draw(length: int) -> str:
    """A random code of `length` characters in groups of four: `7K3M-QX9T-…`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(length))
    return "-".join(characters[i : i + 4] for i in range(0, length, 4))


def read(typed: str) -> str:
    """The code as drawn, whatever case, spaces or hyphens it was typed with; O, I and L are read as digits."""
    return "".join(c for c in typed.upper().translate(_READ) if c in ALPHABET)
