"""A closed loop of HTTP requests over keep-alive connections, light enough not to be what is measured."""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvloop

CONNECTIONS = 16
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@dataclass(frozen=True)
class Load:
    """What a loop took: whole seconds, and each request's."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request as bytes, made before the clock starts."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: forum",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def run(port: int, requests: list[bytes], *, expected: int, connections: int = CONNECTIONS) -> Load:
    """Send all requests over so many connections, each waiting for its answer before the next.

    In a thread, on a loop of its own. Raises AssertionError for an answer with another status.
    """
    return await asyncio.to_thread(uvloop.run, _all(port, requests, expected, connections))


async def _all(port: int, requests: list[bytes], expected: int, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    waiting = iter(requests)
    latencies: list[float] = []
    started = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Connection(waiting, expected, latencies), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))
    return Load(time.perf_counter() - started, latencies)


class _Connection(asyncio.Protocol):
    """Sends the next request whenever an answer is whole; answers state their length."""

    def __init__(self, waiting: Iterator[bytes], expected: int, latencies: list[float]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._wanted = f"HTTP/1.1 {expected} ".encode()
        self._latencies = latencies
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: Any) -> None:  # uvloop's, of no class of asyncio's
        self._transport = transport
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        stated = LENGTH.search(head)
        if not found or len(body) < (int(stated[1]) if stated else 0):
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        if not head.startswith(self._wanted):
            self._end(AssertionError(head[:60], body[:300]))
            return
        self._answer = b""
        self._send_next()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionResetError("the connection ended before its last answer"))

    def _send_next(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._end(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
            self._transport.close()
