"""Connections that end: each waits for its client only so long, and the one that waited longest gives way.

uvicorn knows a time for idle connections only, and any byte starts it anew. Here every wait has its end, whatever
trickles in; and when all places are taken, whoever comes now gets that of the client that has kept us waiting longest,
so that a thousand silent sockets keep nobody out.
"""

import json
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from deploy.gateway.limits import subscriber
from deploy.gateway.settings import GatewaySettings

NEVER = float("inf")


class Connections:
    """All connections of one listener."""

    def __init__(self, settings: GatewaySettings, *, by_address: bool) -> None:
        self.settings = settings
        self._by_address = by_address
        self._open: dict[Connection, str] = {}
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[Connection, None] = {}  # since longest first
        self.gave_way = 0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: "Connection", address: str) -> bool:
        """Whether there is a place, made if need be: first among those of this address."""
        where = subscriber(address)
        if (
            self._by_address and self._addresses[where] >= self.settings.connections_per_address
            and not self._make_way(where)
        ) or (len(self._open) >= self.settings.connections and not self._make_way(None)):  # fmt: skip
            return False
        self._open[connection] = where
        self._addresses[where] += 1
        return True

    def ended(self, connection: "Connection") -> None:
        """Its place is free."""
        where = self._open.pop(connection, None)
        self._waiting.pop(connection, None)
        if where is not None:
            self._addresses[where] -= 1
            if not self._addresses[where]:
                del self._addresses[where]

    def waits(self, connection: "Connection") -> None:
        """From now on it waits for its client."""
        self._waiting.pop(connection, None)
        if connection in self._open:  # else it has ended, and its answer with it
            self._waiting[connection] = None

    def works(self, connection: "Connection") -> None:
        """Its client waits for us."""
        self._waiting.pop(connection, None)

    def end_overdue(self, now: float) -> None:
        """End every connection whose client let its time pass."""
        for connection in [one for one in self._open if one.overdue_at < now]:
            self._end(connection)

    def _make_way(self, where: str | None) -> bool:
        first = next((one for one in self._waiting if where in (None, self._open[one])), None)
        if first is None:
            return False
        self.gave_way += 1
        self._end(first)
        return True

    def _end(self, connection: "Connection") -> None:
        self.ended(connection)
        connection.transport.abort()


class Connection(HttpToolsProtocol):
    """One connection, with an end to each of its waits (`overdue_at`, by the loop's clock)."""

    def __init__(self, connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._settings = connections.settings
        self.overdue_at = NEVER
        self._head_bytes = 0
        self._in_head = True
        self._whole = True  # nothing of a request is awaited
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self._all.admit(self, self.client[0] if self.client else ""):
            transport.abort()
            return
        self._wait(self._settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.ended(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._settings.header_bytes:
            self._refuse(431, "headers-too-large", "The headers of this request are too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._whole, self._in_head = False, True
        if self.cycle is None or self.cycle.response_complete:
            self._wait(self._settings.header_seconds)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._in_head, self._head_bytes = False, 0
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size > self._settings.header_bytes:
            self._refuse(431, "headers-too-large", "The headers of this request are too long.")
        elif version not in ("1.0", "1.1"):
            self.send_400_response("")
        elif hosts > 1 or (hosts == 0 and version == "1.1"):  # RFC 9112, 3.2
            self._refuse(400, "bad-request", "This request doesn't say which host it is for.")
        else:
            self.overdue_at = NEVER  # the gateway waits for the body (deploy/gateway/requests.py)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._whole, self._in_head, self._head_bytes = True, True, 0
        if self._refused:
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._wait(self._settings.idle_seconds)
        else:
            self._all.works(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(self._settings.reading_seconds)
        elif self.cycle.response_complete:
            # Answered before the body was there: the rest may still come, but not for long.
            self._wait(self._settings.idle_seconds if self._whole else self._settings.header_seconds)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.overdue_at = self.loop.time() + self._settings.reading_seconds

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.cycle is not None and not self.cycle.response_complete:
            self.overdue_at = NEVER

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        self._refuse(400, "bad-request", "This isn't a request that can be read.")

    def _wait(self, seconds: float) -> None:
        self.overdue_at = self.loop.time() + seconds
        self._all.waits(self)

    def _refuse(self, status: int, slug: str, title: str) -> None:
        """A problem (RFC 9457) to a request that isn't one for any service, and the end of the connection."""
        if self._refused:
            return
        self._refused = True
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work and not self.cycle.response_started:  # its body broke off: whoever works on it may stop
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not at_work or self.cycle.disconnected:
            body = json.dumps({"type": f"/problems/{slug}", "title": title, "status": status}).encode()
            headers = (
                b"content-type: application/problem+json\r\nx-content-type-options: nosniff\r\n"
                b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            )
            self.transport.write(STATUS_LINE[status] + headers + body)
        self._wait(self._settings.reading_seconds)
        self.transport.close()
