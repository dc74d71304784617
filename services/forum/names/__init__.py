"""Forum names: what may be one, and which two look alike (UTS #39)."""

import unicodedata

from services.forum.names.table import read_table

SHORTEST, LONGEST = 2, 30
PUNCTUATION = frozenset(" -_.'’")
BLANK = frozenset("\u115f\u1160\u3164\uffa0")  # letters that are drawn as nothing: fillers of Hangul

# Names that would pass for a role. Compared as skeletons, so their look-alikes are refused too.
ROLES = (
    "peer consultant", "consultant", "moderator", "admin", "administrator", "staff", "peercafe", "support",
    "erfaringskonsulent", "konsulent", "ansvarlig", "redaksjonen",
)  # fmt: skip

_table = read_table()


def skeleton(name: str) -> str:
    """What two look-alike names share: the UTS #39 skeleton after NFKC and casefold.

    Folded once more, because the skeleton maps 0 to O, and with i as l, because casefold has already parted the
    capital I from the l it looks like. Equal skeletons mean "can be mistaken for each other" in every region alike.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    mapped = _table.map(unicodedata.normalize("NFD", folded))
    again = _table.map(unicodedata.normalize("NFD", mapped.casefold()))
    return unicodedata.normalize("NFC", again.casefold().replace("i", "l"))


_roles = frozenset(skeleton(role) for role in ROLES)


def fault_of(name: str) -> str | None:
    """Why this can't be a forum name: "length", "characters" or "role"; None when it can. Uniqueness apart."""
    if not SHORTEST <= len(name) <= LONGEST:
        return "length"
    return disguise_of(name)


def disguise_of(name: str, *, role: bool = False) -> str | None:
    """How a name could pass for what it isn't: "characters" or "role"; None when it can't. Of any length.

    A consultant (`role`) may have the name of a role. Theirs is chosen by identity's rule, which allows no other characters.
    """
    if not any(unicodedata.category(c)[0] in "LN" for c in name):
        return "characters"
    if not all(unicodedata.category(c)[0] in "LMN" or c in PUNCTUATION for c in name):
        return "characters"
    if name != " ".join(name.split()):  # drawn as if it were
        return "characters"
    if any(c in BLANK for c in name):
        return "characters"
    if not role and skeleton(name) in _roles:
        return "role"
    return None
