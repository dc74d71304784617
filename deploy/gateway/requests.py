"""What goes through the gateway: which headers are dropped, and bodies that are small and whole."""

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope

MAX_BODY_BYTES = 64 * 1024
MAX_FORM_BYTES = (
    256 * 1024
)  # a text of 16 KB grows up to threefold in a form; web says itself what is too long

# Trace and correlation ids would join the calls of one person in several services; forwarding headers would carry
# an address further than the edge.
DROPPED = frozenset(
    {
        b"traceparent",
        b"tracestate",
        b"baggage",
        b"b3",
        b"uber-trace-id",
        b"x-amzn-trace-id",
        b"x-cloud-trace-context",
        b"x-request-id",
        b"x-correlation-id",
        b"request-id",
        b"correlation-id",
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-http-method-override",
    }
)
DROPPED_PREFIXES = (b"x-forwarded-", b"x-b3-", b"x-datadog-", b"ce-")


class BodyTooLarge(Exception):
    """More than the limit."""


class BodyTooSlow(Exception):
    """The body didn't arrive in time, or the client went away."""


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that may reach a service."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in DROPPED and not name.lower().startswith(DROPPED_PREFIXES)
    ]


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a request header (name in lower case)."""
    return next((value for key, value in scope["headers"] if key.lower() == name), None)


async def whole_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> Receive:
    """Wait for the whole body, at most `limit` bytes and `seconds`, and return a `receive` that hands it over at once.

    So no service ever waits for a slow client or holds a large body. Raises BodyTooLarge or BodyTooSlow.
    """
    announced = header(scope, b"content-length")
    chunked = header(scope, b"transfer-encoding") is not None
    if not chunked and (announced is None or announced == b"0"):
        return receive
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyTooSlow
                body += message.get("body", b"")
                if len(body) > limit:
                    raise BodyTooLarge
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise BodyTooSlow from None
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
