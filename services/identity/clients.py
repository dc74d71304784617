"""Which client calls: the web client proves itself by `private_key_jwt` (RFC 7523), public clients can't."""

import json
import math
import secrets
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.identity.errors import ClientRefused
from services.identity.keys import Keys
from services.identity.policy.roles import PUBLIC_CLIENTS, WEB_CLIENT
from services.identity.settings import Settings
from shared import clock
from shared.auth import ALGORITHM, LEEWAY_SECONDS

LONGEST_ASSERTION = 300  # seconds between `iat` and `exp`
LONGEST_ID = 100  # of an assertion's `jti`
STEP = 60  # seconds; what is kept of an assertion says its end to the minute

_log = structlog.get_logger()


class Clients:
    """Knows the web client's public keys, and which of its assertions have come."""

    def __init__(self, settings: Settings, redis: Redis, keys: Keys) -> None:
        published = json.loads(settings.web_client_keys)["keys"]
        self._keys = KeySet([OKPKey.import_key(key) for key in published])
        self._issuer = settings.issuer
        self._prefix = f"{settings.redis_prefix}assertion:"
        self._redis = redis
        self._hashing = keys

    async def check(self, client_id: str, assertion: str | None) -> None:
        """Raises ClientRefused for an unknown client, or a web client that can't prove to be it.

        An assertion is good once; without Redis until it ends: it only vouches for the caller, and opens nothing
        without a session or a passphrase.
        """
        if client_id in PUBLIC_CLIENTS:
            return
        if client_id != WEB_CLIENT or assertion is None or not await self._proves(assertion):
            raise ClientRefused

    async def _proves(self, assertion: str) -> bool:
        claims = self._claims(assertion)
        return claims is not None and await self._comes_first(claims)

    async def _comes_first(self, claims: dict[str, Any]) -> bool:
        until = math.ceil((claims["exp"] + LEEWAY_SECONDS) / STEP) * STEP
        left = max(1, math.ceil(until - clock.now().timestamp()))
        key = self._prefix + self._hashing.hash_of("assertion", str(claims["jti"])).hex()[:32]
        try:
            return bool(await self._redis.set(key, b"", nx=True, ex=left))
        except (RedisError, OSError) as error:
            _log.warning("assertions_unremembered", error=type(error).__name__)
            return True

    def _claims(self, assertion: str) -> dict[str, Any] | None:
        """What a good assertion says; None for any other."""
        try:
            claims = jwt.decode(assertion, self._keys, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            return None
        now, issued, expires = clock.now().timestamp(), claims.get("iat"), claims.get("exp")
        good = (
            claims.get("iss") == claims.get("sub") == WEB_CLIENT
            and isinstance(audience := claims.get("aud"), str)
            and secrets.compare_digest(audience, self._issuer)
            and isinstance(issued, int)
            and isinstance(expires, int)
            and issued <= now + LEEWAY_SECONDS
            and now < expires + LEEWAY_SECONDS
            and expires - issued <= LONGEST_ASSERTION
            and isinstance(jti := claims.get("jti"), str)
            and 0 < len(jti) <= LONGEST_ID
        )
        return claims if good else None
