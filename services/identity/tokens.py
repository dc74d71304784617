"""Access tokens: signed with the newest key in force, and saying as little as they can."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.auth import ALGORITHM, TOKEN_TYPE


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs from its time on until a newer one does."""

    key: OKPKey
    signs_from: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token is about, as its audience may know them."""

    alias: UUID
    role: str
    name: str | None = None
    communities: tuple[UUID, ...] | None = None
    community: str | None = None  # the name of a member's, told to the forum at their wish
    same_as: UUID | None = None  # the forum profile that a consultant has in another region


class KeyRing:
    """The signing keys in memory, oldest first, as last read from the database."""

    def __init__(self, issuer: str, lifetime: timedelta) -> None:
        self._issuer = issuer
        self._lifetime = lifetime
        self._keys: Sequence[SigningKey] = ()

    def hold(self, keys: Sequence[SigningKey]) -> None:
        """Use these from now on."""
        self._keys = keys

    def jwks(self) -> dict[str, Any]:
        """The public key set (RFC 7517): every key that signs, will sign soon, or signed a token still valid."""
        return {"keys": [dict(held.key.as_dict(private=False)) for held in self._keys]}

    async def fetch(self) -> dict[str, Any]:
        """The same, for identity's own verifier."""
        return self.jwks()

    def issue(self, audience: str, subject: Subject, client_id: str, *, at: datetime) -> tuple[str, int]:
        """(token, seconds it lasts). `iat`, `exp` are whole minutes: two tokens of one minute have that in common."""
        # A clock that was set back finds none in force: then the oldest signs.
        signing = [held for held in self._keys[1:] if held.signs_from <= at][-1:] or self._keys[:1]
        minute = int(at.timestamp()) // 60 * 60
        expires = minute + int(self._lifetime.total_seconds())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": str(subject.alias),
            "role": subject.role,
            "client_id": client_id,
            "jti": uuid4().hex,
            "iat": minute,
            "exp": expires,
        }
        if subject.name is not None:
            claims["name"] = subject.name
        if subject.communities is not None:
            claims["communities"] = [str(community) for community in subject.communities]
        if subject.community is not None:
            claims["community"] = subject.community
        if subject.same_as is not None:
            claims["same_as"] = str(subject.same_as)
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": signing[0].key.kid}
        token = jwt.encode(header, claims, signing[0].key, algorithms=[ALGORITHM])
        return token, expires - int(at.timestamp())
