"""A closed loop of HTTP requests over keep-alive connections, light enough not to be what is measured."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

CONNECTIONS = 16


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

    Raises AssertionError for an answer with another status.
    """
    waiting = iter(requests)
    latencies: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_connection(port, waiting, expected, latencies) for _ in range(connections)))
    return Load(time.perf_counter() - started, latencies)


async def _connection(port: int, waiting: Iterator[bytes], expected: int, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wanted = f"HTTP/1.1 {expected} ".encode()
    try:
        for sent in waiting:
            started = time.perf_counter()
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            latencies.append(time.perf_counter() - started)
            assert head.startswith(wanted), (head[:60], body[:300])
    finally:
        writer.close()
        await writer.wait_closed()
