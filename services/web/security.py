"""What every answer carries, and what every form must bring."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import FormData, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.web.errors import FormRefused

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms, and /leave checks the origin.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "x-robots-tag": "noindex, nofollow",
}
FORM_TOKEN = "form_token"  # noqa: S105  a field's name


class SecurityHeaders:
    """Pure ASGI: puts the headers on every answer, and `no-store` wherever a page set nothing else."""

    def __init__(self, app: ASGIApp, *, over_https: bool) -> None:
        self._app = app
        self._over_https = over_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                if self._over_https:
                    headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def require_own_origin(request: Request, public_url: str) -> None:
    """Raises FormRefused unless the request came from one of our own pages.

    Browsers send `Origin` with every POST; one that sends neither it nor `Sec-Fetch-Site` isn't refused here: the
    form token still is needed everywhere but at /leave, where a forged request only signs out.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise FormRefused("posted from another site")
    origin = request.headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    if urlsplit(origin).netloc not in (request.headers.get("host"), urlsplit(public_url).netloc):
        raise FormRefused("posted from another origin")


def has_form_token(form: FormData, expected: str) -> bool:
    """Whether the form carries this session's token."""
    return hmac.compare_digest(str(form.get(FORM_TOKEN, "")).encode(), expected.encode())


def require_form_token(form: FormData, expected: str) -> None:
    """Raises FormRefused unless the form carries this session's token."""
    if not has_form_token(form, expected):
        raise FormRefused("without this session's form token")
