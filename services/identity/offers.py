"""Sign-in names are ours: an offer is sealed, goes to the person, and comes back with the name they chose."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime, timedelta

from services.identity.errors import NotOffered
from services.identity.keys import Keys
from services.identity.policy.names import draw_names, sign_in_key
from services.identity.texts import Language
from shared.keys import CannotOpen

CONTEXT = "sign-in names"
LASTS = timedelta(days=1)


def make_offer(keys: Keys, language: Language, *, at: datetime) -> tuple[str, list[str]]:
    """(sealed offer, the names in it). Nothing is stored."""
    names = draw_names(language)
    content = {"names": names, "language": language, "until": int((at + LASTS).timestamp())}
    return urlsafe_b64encode(keys.seal(json.dumps(content).encode(), CONTEXT, b"")).decode(), names


def language_of_choice(keys: Keys, offer: str, sign_in_name: str, *, at: datetime) -> Language:
    """The language in which somebody was offered the name they chose. Raises NotOffered."""
    try:
        content = json.loads(keys.open(urlsafe_b64decode(offer.encode()), CONTEXT, b""))
    except (CannotOpen, NotBase64, ValueError):
        raise NotOffered from None
    if at.timestamp() > content["until"] or sign_in_key(sign_in_name) not in map(
        sign_in_key, content["names"]
    ):
        raise NotOffered
    return "nb" if content["language"] == "nb" else "en"
