"""The gateway's two listeners: sockets bound before anything else starts, served by uvicorn."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from deploy.embedded.connections import Connection, Connections
from deploy.embedded.errors import PortBusy, StartFailure
from deploy.gateway.settings import GatewaySettings

BACKLOG = 2048


def bind(address: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes a free one.

    Raises PortBusy or StartFailure.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortBusy(
                f"Port {port} is busy: another program listens there; choose another one with PORT=…"
            ) from None
        raise StartFailure(
            f"Port {port} can't be used: {getattr(error, 'strerror', None) or error}."
        ) from None
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the region's business."""
        yield


class Listener:
    """One uvicorn on one socket. `by_address`: whoever connects is limited by where they connect from."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        settings: GatewaySettings | None = None,
        *,
        by_address: bool = False,
    ) -> None:
        self._socket = listener
        self._settings = settings or GatewaySettings()
        self.connections = Connections(self._settings, by_address=by_address)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=partial(Connection, self.connections),  # type: ignore[arg-type]
                interface="asgi3",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                ws="none",
                timeout_keep_alive=self._settings.idle_seconds,  # type: ignore[arg-type]
                timeout_graceful_shutdown=5,
            )
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Return as soon as requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        self._sweeping = asyncio.create_task(self._sweep())
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise StartFailure("The gateway ended while starting.")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish what is being answered, then close."""
        self._server.should_exit = True
        try:
            await self._task
        finally:
            self._sweeping.cancel()

    async def _sweep(self) -> None:
        waits = (self._settings.header_seconds, self._settings.idle_seconds, self._settings.reading_seconds)
        pause = min(1.0, *(seconds / 4 for seconds in waits))
        while True:
            await asyncio.sleep(pause)
            self.connections.end_overdue(asyncio.get_running_loop().time())
