"""The gateway's services as the web client sees them: JSON over HTTP, one token per person and service.

Every call starts afresh: no header of the browser's request and no trace of an earlier call goes along
(DESIGN §1, rule 4). Tokens live in this process's memory only, in a bounded table keyed by a hash of the session.
"""

import json
import os
import re
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from joserfc import jwk, jwt

from services.web.errors import Away, FieldFault, Refused, SignedOut
from services.web.settings import Settings
from shared import clock
from shared.keys import keyed_hash

Json = dict[str, Any]

ASSERTION_SECONDS = 60
RENEW_BEFORE = timedelta(seconds=30)
SESSION_TOKEN_TYPE = "urn:peercafe:token-type:session"  # noqa: S105
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"  # RFC 8693
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523


class ClientCredentials:
    """How web proves to identity which client it is: a signed assertion (`private_key_jwt`, RFC 7523)."""

    def __init__(self, settings: Settings) -> None:
        self.client_id = settings.client_id
        self._issuer = settings.issuer
        self._key = jwk.OKPKey.import_key(json.loads(settings.client_key.get_secret_value()))

    def assertion(self) -> str:
        """A fresh assertion, good for a minute, and once."""
        at = int(clock.now().timestamp())
        header = {"alg": "Ed25519", "typ": "JWT"} | ({"kid": self._key.kid} if self._key.kid else {})
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self._issuer,
            "jti": str(uuid.uuid4()),
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
        }
        return jwt.encode(header, claims, self._key, algorithms=["Ed25519"])


@dataclass(frozen=True)
class HeldToken:
    value: str
    expires_at: datetime


class TokenTable:
    """Audience tokens by (session, audience); the least recently used go first. A session is held as a hash only."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._secret = os.urandom(32)
        self._held: OrderedDict[tuple[bytes, str], HeldToken] = OrderedDict()

    def get(self, session: str, audience: str) -> str | None:
        key = (keyed_hash(self._secret, session), audience)
        token = self._held.get(key)
        if token is None:
            return None
        if token.expires_at <= clock.now() + RENEW_BEFORE:
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return token.value

    def keep(self, session: str, audience: str, token: HeldToken) -> None:
        self._held[(keyed_hash(self._secret, session), audience)] = token
        while len(self._held) > self._kept:
            self._held.popitem(last=False)

    def forget(self, session: str, audience: str | None = None) -> None:
        """One audience's token of a session, or all of them."""
        hashed = keyed_hash(self._secret, session)
        for key in [k for k in self._held if k[0] == hashed and audience in (None, k[1])]:
            del self._held[key]

    def __len__(self) -> int:
        return len(self._held)


class Gateway:
    """All services, through the gateway's inner listener."""

    def __init__(self, settings: Settings) -> None:
        self._credentials = ClientCredentials(settings)
        self._tokens = TokenTable(settings.tokens_kept)
        self._http = httpx.AsyncClient(
            base_url=settings.gateway_url,
            timeout=settings.request_timeout,
            trust_env=False,  # the services are next door; a proxy of the environment must not see tokens
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def sign_in(self, sign_in_name: str, passphrase: str) -> str:
        """The opaque session. Raises Refused (`sign-in-failed`, 429) or Away."""
        made = await self.call(
            "identity",
            "POST",
            "/sessions",
            {
                "sign_in_name": sign_in_name,
                "passphrase": passphrase,
                "client_id": self._credentials.client_id,
                "client_assertion": self._credentials.assertion(),
            },
        )
        return str(made["session"])

    async def sign_out(self, session: str) -> None:
        """Ends the session at identity; forgets its tokens whatever identity answers."""
        self._tokens.forget(session)
        await self.call("identity", "DELETE", "/sessions/current", bearer=session)

    def forget(self, session: str) -> None:
        self._tokens.forget(session)

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        bearer: str | None = None,
        key: str | None = None,
        params: Mapping[str, str | int | None] | None = None,
    ) -> Any:
        """The JSON answer of one service, None when there is no body.

        Raises Refused (4xx) or Away (no connection, too slow, 5xx).
        """
        headers = {"accept": "application/json"}
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if key:
            headers["idempotency-key"] = key
        try:
            response = await self._http.request(
                method,
                f"/api/{service}{path}",
                json=body,
                headers=headers,
                params={k: v for k, v in (params or {}).items() if v is not None} or None,
            )
        except httpx.HTTPError as error:
            raise Away(service) from error
        return _answer(service, response)

    async def call_for(
        self,
        session: str,
        service: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        params: Mapping[str, str | int | None] | None = None,
        scope: str | None = None,
    ) -> Any:
        """As `call`, under the person's token for that service. Raises SignedOut when the session is over.

        With a `scope` under one that says more, which is made for this call and not kept.
        """
        for attempt in (1, 2):
            if scope is None:
                token = await self._token(session, service)
            else:
                token = (await self._exchange(session, service, scope)).value
            try:
                return await self.call(service, method, path, body, bearer=token, key=key, params=params)
            except Refused as refused:
                if refused.status != 401:
                    raise
                self._tokens.forget(session, service)  # its key may have been rotated: exchange once more
                if attempt == 2:
                    raise SignedOut from refused
        raise AssertionError("unreachable")

    async def _token(self, session: str, audience: str) -> str:
        held = self._tokens.get(session, audience)
        if held:
            return held
        token = await self._exchange(session, audience)
        self._tokens.keep(session, audience, token)
        return token.value

    async def _exchange(self, session: str, audience: str, scope: str = "") -> HeldToken:
        form = {
            "grant_type": EXCHANGE_GRANT,
            "subject_token": session,
            "subject_token_type": SESSION_TOKEN_TYPE,
            "audience": audience,
            "scope": scope,
            "client_id": self._credentials.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._credentials.assertion(),
        }
        try:
            response = await self._http.post("/api/identity/token", data=form)
        except httpx.HTTPError as error:
            raise Away("identity") from error
        try:
            answer = _answer("identity", response)
        except Refused as refused:
            if refused.type == "session-ended":
                self._tokens.forget(session)
                raise SignedOut from refused
            if refused.type == "audience-not-for-this-role":
                raise Refused(403, "not-for-this-role") from refused
            raise
        expires = clock.now() + timedelta(seconds=int(answer["expires_in"]))
        return HeldToken(str(answer["access_token"]), expires)


def _answer(service: str, response: httpx.Response) -> Any:
    if response.status_code >= 500:
        raise Away(service)
    if response.status_code >= 400:
        problem = _problem(response)
        retry_after = response.headers.get("retry-after", "")
        raise Refused(
            response.status_code,
            str(problem.get("type", "")).rsplit("/", 1)[-1],
            str(problem.get("detail", "")),
            int(retry_after) if retry_after.isdigit() else None,
            _fields(problem),
        )
    try:
        return response.json() if response.content else None
    except ValueError as error:
        raise Away(service) from error


def _problem(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _fields(problem: Json) -> tuple[FieldFault, ...]:
    """The fields that a problem names. A limit stands only in its English message: the first number there."""
    named = problem.get("fields")
    if not isinstance(named, list):
        return ()
    faults = []
    for item in named:
        number = re.search(r"\d+", str(item.get("message", "")))
        faults.append(
            FieldFault(
                str(item.get("field", "")), str(item.get("problem", "")), int(number[0]) if number else None
            )
        )
    return tuple(faults)
