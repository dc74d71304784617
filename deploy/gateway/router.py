"""A pure ASGI router: `/api/<service>/…` to that service, everything else to web.

Pure ASGI, because two `BaseHTTPMiddleware` cost a third of the throughput (FIELD-NOTES).
"""

import re
from typing import Any

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.gateway.fallback import Fallback, wants_a_page
from deploy.gateway.limits import EdgeLimits
from deploy.gateway.requests import (
    MAX_BODY_BYTES,
    MAX_FORM_BYTES,
    BodyTooLarge,
    BodyTooSlow,
    passed_on,
    whole_body,
)
from deploy.gateway.settings import GatewaySettings
from deploy.gateway.turns import TooMuchWaiting, Turns
from shared.api.problems import Busy, problem_response

_API = re.compile(r"^/api/([a-z]+)(?=/|$)")
_WEB_DOCS = "/api/docs"
_log = structlog.get_logger()


# For operators, who ask the services and web themselves.
_FOR_OPERATORS = re.compile(r"^(?:/api/[^/]+)?/(?:health|metrics)(?:/|$)")


class Gateway:
    """The routes of one region. `public()` is for everybody, `inner()` for web on the same machine.

    Services and web are given when they have started; until then they answer "not now".
    """

    def __init__(
        self, fallback: Fallback, limits: EdgeLimits | None = None, settings: GatewaySettings | None = None
    ) -> None:
        self.services: dict[str, ASGIApp | None] = {}
        self.web: ASGIApp | None = None
        self._fallback = fallback
        self._limits = limits or EdgeLimits()
        settings = settings or GatewaySettings()
        self._body_seconds = settings.body_seconds
        self._turns = Turns(settings.work_per_address, settings.connections_per_address)

    async def public(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The listener that the world reaches: limited by address."""
        client = scope.get("client")
        address = client[0] if client else ""
        if scope["type"] == "http":
            wait = self._limits.take(address, scope["method"], scope["path"])
            if wait:
                await self._too_many(scope, wait)(scope, receive, Answer(send))
                return
        await self._answer(scope, receive, send, address)

    async def inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The listener that only this machine reaches: not limited by address."""
        await self._answer(scope, receive, send, None)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, address: str | None) -> None:
        if scope["type"] != "http":
            await _refuse_other(scope, receive, send)
            return
        answer = Answer(send)
        try:
            limit = MAX_BODY_BYTES if scope["path"].startswith("/api/") else MAX_FORM_BYTES
            receive = await whole_body(scope, receive, limit, self._body_seconds)
        except BodyTooLarge:
            title = f"This is too long: at most {limit // 1024} KiB fit into one request."
            await problem_response(413, "too-large", title)(scope, receive, answer)
            return
        except BodyTooSlow:
            title = "The request did not arrive in time."
            await problem_response(408, "too-slow", title)(scope, receive, answer)
            return
        app, scope = self._route(scope)
        try:
            if address is None:
                await app(scope, receive, answer)
            else:
                await self._turns.answer(address, app, scope, receive, answer)
        except TooMuchWaiting:
            await self._too_many(scope, 1)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  the last line of defence: nothing of a request may reach a log
            _log.error("unexpected_error", error=type(error).__name__)
            if not answer.started:
                await self._broken(scope)(scope, receive, answer)

    def _route(self, scope: Scope) -> tuple[ASGIApp, Scope]:
        path: str = scope["path"]
        # No client address, no extensions that could carry one: they end at the edge.
        passed: dict[str, Any] = {
            **scope,
            "headers": passed_on(scope["headers"]),
            "client": None,
            "state": {},
        }
        if _FOR_OPERATORS.match(path):
            return problem_response(404, "not-found", "There is nothing here."), passed
        match = _API.match(path)
        if match is None or path == _WEB_DOCS or path.startswith(_WEB_DOCS + "/"):
            return self.web or self._fallback, passed
        name = match[1]
        if name not in self.services:
            return problem_response(404, "not-found", "There is nothing here."), passed
        passed["root_path"] = f"/api/{name}"
        return self.services[name] or _not_now(), passed

    def _too_many(self, scope: Scope, wait: int) -> Response:
        headers = {"Retry-After": str(wait)}
        if wants_a_page(scope):
            return self._fallback.busy_page(headers)
        title = "That was a lot at once. Please wait a moment; nothing was lost."
        return problem_response(429, "too-many-requests", title, headers=headers)

    def _broken(self, scope: Scope) -> ASGIApp:
        if scope.get("root_path") or not wants_a_page(scope):
            return problem_response(500, "unexpected", "Something went wrong on our side. Nothing was lost.")
        return self._fallback


NOSNIFF = (b"x-content-type-options", b"nosniff")


class Answer:
    """A `send` that knows whether an answer has begun; no browser may take one for what it doesn't say it is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Pass the message on."""
        if not self.started:
            self.started = True
            headers = list(message.get("headers", ()))
            if not any(name == NOSNIFF[0] for name, _ in headers):
                message["headers"] = [*headers, NOSNIFF]
        await self._send(message)


def _not_now() -> Response:
    return problem_response(Busy.status, Busy.type, Busy.title, headers={"Retry-After": "2"})


async def _refuse_other(scope: Scope, receive: Receive, send: Send) -> None:
    """There are no WebSockets here."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
