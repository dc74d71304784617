"""Which client calls: the web client proves itself by `private_key_jwt` (RFC 7523), public clients can't."""

import json
import secrets

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.identity.errors import ClientRefused
from services.identity.policy.roles import PUBLIC_CLIENTS, WEB_CLIENT
from services.identity.settings import Settings
from shared import clock
from shared.auth import ALGORITHM, LEEWAY_SECONDS

LONGEST_ASSERTION = 300  # seconds between `iat` and `exp`


class Clients:
    """Knows the web client's public keys."""

    def __init__(self, settings: Settings) -> None:
        published = json.loads(settings.web_client_keys)["keys"]
        self._keys = KeySet([OKPKey.import_key(key) for key in published])
        self._issuer = settings.issuer

    def check(self, client_id: str, assertion: str | None) -> None:
        """Raises ClientRefused for an unknown client, or a web client that can't prove to be it.

        An assertion may come more than once within its minute: it only vouches for the caller, and opens nothing
        without a session or a passphrase.
        """
        if client_id in PUBLIC_CLIENTS:
            return
        if client_id != WEB_CLIENT or assertion is None or not self._proves(assertion):
            raise ClientRefused

    def _proves(self, assertion: str) -> bool:
        try:
            claims = jwt.decode(assertion, self._keys, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            return False
        now, issued, expires = clock.now().timestamp(), claims.get("iat"), claims.get("exp")
        return (
            claims.get("iss") == claims.get("sub") == WEB_CLIENT
            and isinstance(audience := claims.get("aud"), str)
            and secrets.compare_digest(audience, self._issuer)
            and isinstance(issued, int)
            and isinstance(expires, int)
            and issued <= now + LEEWAY_SECONDS
            and now < expires + LEEWAY_SECONDS
            and expires - issued <= LONGEST_ASSERTION
        )
