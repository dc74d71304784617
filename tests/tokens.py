"""Test kit: an issuer whose access tokens every service takes for identity's own.

issuer = Issuer()
verifier = TokenVerifier(issuer.fetch_keys, …)          # or hand `issuer.jwks()` to whatever fetches keys
headers = issuer.bearer("forum", role="consultant", name="Kari")
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from shared import clock

ISSUER = "https://identity.peercafe.invalid"
LIFETIME = 300  # seconds, as identity's


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": uuid4().hex, "alg": "Ed25519", "use": "sig"})


@dataclass
class Issuer:
    """Signs access tokens as identity does: `at+jwt`, Ed25519, one audience, whole minutes, five minutes long."""

    issuer: str = ISSUER
    key: OKPKey = field(default_factory=_new_key)

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public key set, as `GET /jwks.json` answers."""
        return {"keys": [dict(self.key.as_dict(private=False))]}

    async def fetch_keys(self) -> dict[str, list[dict[str, Any]]]:
        """The same, in the form a verifier awaits."""
        return self.jwks()

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is gone from `jwks()`."""
        self.key = _new_key()

    def token(
        self,
        audience: str,
        *,
        alias: UUID | None = None,
        role: str = "member",
        communities: Sequence[UUID] | None = None,
        name: str | None = None,
        at: datetime | None = None,
        **changed: Any,
    ) -> str:
        """A token for `audience`; `changed` replaces claims, or leaves them out when None.

        `communities` belong in events' tokens only, `name` (the display name) in a consultant's.
        """
        issued = int((at or clock.now()).astimezone(UTC).timestamp()) // 60 * 60
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience,
            "sub": str(alias or uuid4()),
            "role": role,
            "client_id": "web",
            "jti": uuid4().hex,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        if communities is not None:
            claims["communities"] = [str(community) for community in communities]
        if name is not None:
            claims["name"] = name
        claims = {claim: value for claim, value in (claims | changed).items() if value is not None}
        header = {"alg": "Ed25519", "typ": "at+jwt", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=["Ed25519"])

    def bearer(self, audience: str, **claims: Any) -> dict[str, str]:
        """The request header that carries such a token; same arguments as `token`."""
        return {"Authorization": f"Bearer {self.token(audience, **claims)}"}
