"""The session: one sealed cookie, nothing on our side.

It holds identity's opaque session, the person's role and a random number that form tokens are made from; before
sign-in the page to come back to, which so stands in no address and can't lead elsewhere. Only we can read and write it
(AES-256-GCM); over https it carries the `__Host-` prefix, so that no other host can set it. Its name is the region's own:
browsers don't tell ports apart, so two regions on one machine would otherwise sign each other out.
"""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from shared.keys import CannotOpen, SealingKeys, derive, keyed_hash

CONTEXT = b"web session cookie"


@dataclass(frozen=True)
class Held:
    """What the cookie holds. `session` and `role` are None before sign-in, `wanted` (a path and query of ours) after."""

    nonce: str
    session: str | None = None
    role: str | None = None
    wanted: str | None = None

    @classmethod
    def anonymous(cls) -> "Held":
        return cls(nonce=secrets.token_urlsafe(18))

    def wanting(self, page: str) -> "Held":
        """Sent to sign in from `page`, before any sign-in. Keeps the nonce, so that forms open elsewhere stay good."""
        return replace(self, wanted=page)

    def signed_in(self, session: str, role: str) -> "Held":
        """A new nonce too: a form token from before sign-in is worth nothing after."""
        return replace(Held.anonymous(), session=session, role=role)


class SessionCookie:
    """Reads, writes and forgets the cookie, and makes form tokens from it."""

    def __init__(self, secret: str, region: str, *, over_https: bool) -> None:
        self._keys = SealingKeys({1: derive(secret.encode(), "web session cookie")})
        self._form_key = derive(secret.encode(), "web form tokens")
        self._secure = over_https
        self.name = f"{'__Host-' if over_https else ''}visit-{region}"

    def read(self, request: Request) -> Held | None:
        """What the browser brought back; None when there is nothing or it isn't ours."""
        try:
            raw = base64.urlsafe_b64decode(request.cookies.get(self.name, ""))
            values = json.loads(self._keys.open(raw, CONTEXT))
            return Held(
                nonce=values["n"], session=values.get("s"), role=values.get("r"), wanted=values.get("w")
            )
        except (CannotOpen, ValueError, KeyError, binascii.Error):
            return None

    def write(self, response: Response, held: Held) -> None:
        values = {"n": held.nonce, "s": held.session, "r": held.role, "w": held.wanted}
        sealed = self._keys.seal(json.dumps(values).encode(), CONTEXT)
        response.set_cookie(
            self.name,
            base64.urlsafe_b64encode(sealed).decode(),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response) -> None:
        response.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="lax")

    def form_token(self, held: Held) -> str:
        """What a form must bring back to be believed."""
        return keyed_hash(self._form_key, held.nonce).hex()
