"""The gateway on a real socket before the real services, and clients that keep to no rule of HTTP.

with door(here, header_seconds=0.3) as opened:
    here.run(opened.says(b"GET / HTTP/1.1\\r\\n"))

Linux takes all of 127.0.0.0/8 for itself: attackers and members come from addresses of their own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp

from deploy.embedded.listeners import Listener, bind
from deploy.gateway.fallback import Fallback
from deploy.gateway.router import Gateway
from deploy.gateway.settings import GatewaySettings
from shared.region import load_region
from tests.abuse.services import REGION, Here

ATTACKER, MEMBER = "127.0.0.66", "127.0.0.7"
PATIENCE = 15  # seconds after which something never happens
PAUSE = 0.02


@dataclass
class Door:
    """Where the gateway listens."""

    listener: Listener
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.port

    async def connect(self, source: str = ATTACKER) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.open.append(writer)
        return reader, writer

    async def says(self, *sent: bytes, source: str = ATTACKER) -> bytes:
        """All that comes back until the gateway ends the connection."""
        reader, writer = await self.connect(source)
        with suppress(ConnectionError):
            for part in sent:
                writer.write(part)
                await writer.drain()
        return await ended(reader)

    def client(self, source: str = MEMBER) -> httpx.AsyncClient:
        """Somebody with manners."""
        transport = httpx.AsyncHTTPTransport(local_address=source)
        return httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{self.port}")


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the end, however it ended; fails when it doesn't end."""
    heard = b""
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionError):
            while more := await reader.read(65_536):
                heard += more
    return heard


async def drip(writer: asyncio.StreamWriter, first: bytes, drop: bytes) -> None:
    """`first`, then drop by drop for as long as anybody listens."""
    with suppress(ConnectionError):
        writer.write(first)
        while not writer.is_closing():
            await asyncio.sleep(PAUSE)
            writer.write(drop)
            await writer.drain()


async def until(held: Callable[[], bool], what: str) -> None:
    """Wait for it; fails when it never comes."""
    for _ in range(int(PATIENCE / PAUSE)):
        if held():
            return
        await asyncio.sleep(PAUSE)
    raise AssertionError(f"never: {what}")


@contextmanager
def door(here: Here, more: dict[str, ASGIApp] | None = None, **settings: Any) -> Iterator[Door]:
    """The gateway of these services and `more`, listening; its settings shortened."""
    limits = GatewaySettings(**settings)
    gateway = Gateway(Fallback(load_region(REGION)), settings=limits)
    gateway.services = {**here.apps, **(more or {})}

    async def start() -> Door:
        listener = Listener(gateway.public, bind("127.0.0.1", 0), limits, by_address=True)
        await listener.start()
        return Door(listener)

    async def stop(opened: Door) -> None:
        for writer in opened.open:
            writer.transport.abort()
        await opened.listener.stop()

    opened = here.run(start())
    try:
        yield opened
    finally:
        here.run(stop(opened))
