"""Names: sign-in names that we offer, and the open names of peer consultants."""

import secrets
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

WORDS_IN_A_NAME = 4  # of 599 (en) or 624 (nb) words: 36.9 and 37.1 bits
NAMES_OFFERED = 5
LANGUAGES = ("en", "nb")
DISPLAY_NAME_LENGTH = range(2, 41)
_BETWEEN = frozenset(" -'’.")


@cache
def words(language: str) -> Sequence[str]:
    """The words a sign-in name is drawn from: ordinary, friendly, and typable on any keyboard."""
    return tuple(
        files("services.identity.texts").joinpath(f"words.{language}.txt").read_text("utf-8").split()
    )


def draw_names(language: str) -> list[str]:
    """Fresh sign-in names to choose from, each of random words joined by hyphens."""
    chosen_from = words(language)
    return [
        "-".join(secrets.choice(chosen_from) for _ in range(WORDS_IN_A_NAME)) for _ in range(NAMES_OFFERED)
    ]


def sign_in_key(typed: str) -> str:
    """What is compared: however somebody types capitals, spaces and hyphens, it is the same sign-in name."""
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return "-".join("".join(c if c.isalnum() else " " for c in folded).split())


def skeleton(name: str) -> str:
    """Equal for names that read alike: compatibility forms, case, accents' encoding, spaces and marks don't count."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(c for c in folded if c.isalnum())


def display_name_allowed(name: str) -> bool:
    """Letters of one alphabet, so that no borrowed letter imitates another consultant; 2 to 40 characters."""
    letters = [c for c in name if c not in _BETWEEN]
    alphabets = {unicodedata.name(c, "?").split()[0] for c in letters if not unicodedata.combining(c)}
    return (
        len(name) in DISPLAY_NAME_LENGTH
        and unicodedata.normalize("NFKC", name) == name  # no full-width or other forms of a letter
        and bool(letters)
        and all(c.isalpha() or unicodedata.combining(c) for c in letters)
        and len(alphabets) == 1
    )
