"""Access tokens: RFC 9068 `at+jwt`, Ed25519, one audience, checked against identity's published keys."""

import asyncio
import json
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared import clock

ALGORITHM = "Ed25519"  # RFC 9864
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068's media type, not a secret
LEEWAY_SECONDS = 30  # the one clock-skew limit
MAX_TOKEN_BYTES = 4096
MAX_CACHED = 10_000
REFETCH_SECONDS = 10  # an unknown key id makes us ask identity again, at most this often
RETRY_SECONDS = 2  # and this soon after it didn't answer
ROLES = frozenset({"member", "consultant", "provider", "analyst", "operator"})

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]


class TokenRefused(Exception):
    """Not a token we accept. The reason is for tests and never goes into a log or an answer."""


class KeysUnavailable(Exception):
    """Identity doesn't answer and the token's key isn't known: it may be good or not."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of its bearer: one alias at one audience."""

    subject: UUID
    role: str
    client_id: str
    expires_at: int  # seconds since 1970
    name: str | None = None  # a consultant's display name
    communities: tuple[UUID, ...] = ()  # in tokens for events only
    community: str | None = (
        None  # the name of a member's, in a token for showing it in the forum, asked for by them
    )
    same_as: UUID | None = None  # the forum profile that a consultant has in another region


def fetch_from(identity_url: str) -> FetchKeys:
    """Fetches the key set of identity at `identity_url` (its API's base)."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(identity_url.rstrip("/") + "/jwks.json")
            answer.raise_for_status()
            keys: dict[str, Any] = answer.json()
            return keys

    return fetch


class TokenVerifier:
    """Verifies tokens for one audience. Keeps keys and the claims of tokens seen, bounded, in memory."""

    def __init__(self, fetch_keys: FetchKeys, *, issuer: str, audience: str) -> None:
        self._fetch_keys = fetch_keys
        self._issuer = issuer
        self._audience = audience
        self._keys: dict[str, OKPKey] = {}
        self._ask_again_at: float | None = None  # seconds since 1970
        self._answered = True  # whether identity did, last time
        self._fetching = asyncio.Lock()
        self._seen: dict[str, Claims] = {}
        self._registry = jws.JWSRegistry(algorithms=[ALGORITHM])

    async def verify(self, token: str) -> Claims:
        """Raises TokenRefused; KeysUnavailable for a key id that isn't known while identity doesn't answer.

        Nobody waits for identity longer than one attempt of somebody takes.
        """
        claims = self._seen.get(token)
        if claims is None:
            claims = await self._read(token)
            if len(self._seen) >= MAX_CACHED:
                self._seen.clear()
            self._seen[token] = claims
        if claims.expires_at + LEEWAY_SECONDS <= clock.now().timestamp():
            self._seen.pop(token, None)
            raise TokenRefused("expired")
        return claims

    def forget(self) -> None:
        """Verify every token anew: a key went, or somebody was closed."""
        self._seen.clear()

    async def _read(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_BYTES or token.count(".") != 2:
            raise TokenRefused("not a compact token")
        header = _header_of(token)
        if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE or "crit" in header:
            raise TokenRefused("another algorithm or type")
        key = await self._key(header.get("kid"))
        try:
            payload = jws.deserialize_compact(token, key, registry=self._registry).payload
            body = json.loads(payload)
        except (JoseError, ValueError, RecursionError) as error:
            raise TokenRefused("signature") from error
        return self._claims(body)

    async def _key(self, key_id: object) -> OKPKey:
        if not isinstance(key_id, str):
            raise TokenRefused("no key id")
        if key_id not in self._keys:
            async with self._fetching:
                if key_id not in self._keys and self._may_ask():
                    await self._ask()
        try:
            return self._keys[key_id]
        except KeyError:
            if not self._answered:
                raise KeysUnavailable from None
            raise TokenRefused("unknown key") from None

    def _may_ask(self) -> bool:
        if self._ask_again_at is None:
            return True
        # More than we ever wait: the clock was set back.
        left = self._ask_again_at - clock.now().timestamp()
        return left <= 0 or left > REFETCH_SECONDS

    async def _ask(self) -> None:
        self._answered = False
        try:
            key_set = KeySet.import_key_set(await self._fetch_keys())  # type: ignore[arg-type]
            self._answered = True
        except (httpx.HTTPError, JoseError, ValueError):
            return
        finally:  # from the attempt's end: whoever queued behind one that hung must not hang as well
            pause = REFETCH_SECONDS if self._answered else RETRY_SECONDS
            self._ask_again_at = clock.now().timestamp() + pause
        fetched = {key.kid: key for key in key_set.keys if isinstance(key, OKPKey) and key.kid is not None}
        if self._keys.keys() - fetched.keys():
            self.forget()
        self._keys = fetched

    def _claims(self, body: object) -> Claims:
        if not isinstance(body, dict) or body.get("iss") != self._issuer or body.get("aud") != self._audience:
            raise TokenRefused("another issuer or audience")
        now = clock.now().timestamp()
        issued, expires, role = body.get("iat"), body.get("exp"), body.get("role")
        if not isinstance(issued, int) or not isinstance(expires, int) or issued > now + LEEWAY_SECONDS:
            raise TokenRefused("times")
        if not isinstance(role, str) or role not in ROLES:
            raise TokenRefused("role")
        name, community, same_as = body.get("name"), body.get("community"), body.get("same_as")
        try:
            return Claims(
                subject=UUID(body["sub"]),
                role=role,
                client_id=str(body["client_id"]),
                expires_at=expires,
                name=name if isinstance(name, str) and role == "consultant" else None,
                communities=tuple(UUID(one) for one in body.get("communities", ())),
                community=community if isinstance(community, str) and role == "member" else None,
                same_as=UUID(same_as) if same_as is not None and role == "consultant" else None,
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TokenRefused("claims") from error


def _header_of(token: str) -> dict[str, Any]:
    first = token.split(".", 1)[0]
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, Base64Error, RecursionError) as error:  # four thousand bytes nest a thousand deep
        raise TokenRefused("header") from error
    if not isinstance(header, dict):
        raise TokenRefused("header")
    return header
