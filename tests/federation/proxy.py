"""A stretch of network between two regions that can be cut, healed and made long.

    with Proxy("127.0.0.1", 9093) as proxy:     # connect to proxy.place instead
        proxy.delay(0.1)                        # each way: a round trip takes 200 ms more
        proxy.cut()                             # connections are reset, new ones too
        proxy.cut(silently=True)                # connections stay, and nothing comes through
        proxy.heal()

It has an event loop in a thread of its own, so that it serves whoever has none, and any number of them. What is on its way
while it is cut silently arrives once it is healed, as TCP would send it again.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 64 * 1024
ON_ITS_WAY = 1024  # chunks: 64 MiB, more than any link here holds
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets, whatever is under way

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OnItsWay = asyncio.Queue[tuple[float, bytes]]


class Proxy:
    """Passes bytes between whoever connects to `place` and `host:port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._seconds = 0.0
        self._reset = False
        self._loop = asyncio.new_event_loop()
        self._passable = asyncio.Event()
        self._passable.set()
        self._connections = set[asyncio.Task[None]]()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop
        )
        self._server = listening.result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def place(self) -> str:
        """`host:port` to connect to."""
        return f"127.0.0.1:{self.port}"

    def delay(self, seconds: float) -> None:
        """How long bytes take from now on, each way."""
        self._now(lambda: setattr(self, "_seconds", seconds))

    def cut(self, *, silently: bool = False) -> None:
        """Reset all connections, and every new one; or `silently` let nothing through."""

        def cut() -> None:
            if silently:
                self._passable.clear()
                return
            self._reset = True
            for connection in self._connections:
                connection.cancel()

        self._now(cut)

    def heal(self) -> None:
        """Bytes pass again."""

        def heal() -> None:
            self._reset = False
            self._passable.set()

        self._now(heal)

    def _now(self, do: Callable[[], None]) -> None:
        async def done() -> None:
            do()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._reset:
            _reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._connect((reader, writer))
        finally:
            self._connections.discard(task)

    async def _connect(self, ours: Streams) -> None:
        writers = [ours[1]]
        try:
            await asyncio.sleep(2 * self._seconds)  # what shaking hands takes
            await self._passable.wait()
            theirs = await asyncio.open_connection(*self._target)
            writers.append(theirs[1])
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(ours[0], theirs[1]))
                both.create_task(self._pass(theirs[0], ours[1]))
            for writer in writers:
                writer.close()
                await writer.wait_closed()
        except* (OSError, asyncio.CancelledError):
            for writer in writers:
                _reset(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, until its sender has said all."""
        on_its_way: OnItsWay = asyncio.Queue(ON_ITS_WAY)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(reader, on_its_way))
            group.create_task(self._arrive(on_its_way, writer))

    async def _send(self, reader: asyncio.StreamReader, on_its_way: OnItsWay) -> None:
        chunk = b"first"
        while chunk:
            chunk = await reader.read(CHUNK)
            await on_its_way.put((self._loop.time() + self._seconds, chunk))

    async def _arrive(self, on_its_way: OnItsWay, writer: asyncio.StreamWriter) -> None:
        while True:
            due, chunk = await on_its_way.get()
            await asyncio.sleep(due - self._loop.time())
            await self._passable.wait()
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()

    async def _close(self) -> None:
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections)
        await asyncio.sleep(0)  # until their sockets are closed, too


def _reset(writer: asyncio.StreamWriter) -> None:
    own: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()
