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
    """One connection, with an end to each of its waits (`overdue_at`, by the loop's clock).

    One request at a time: whoever sends another before they have taken their answer gets that answer, and no other. So
    what we wait for is always that of one request, and a wait in which the client has to do something may give way.
    """

    def __init__(self, connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._settings = connections.settings
        self.overdue_at = NEVER
        self._unread_bytes = 0  # of a head, or of what isn't body since the last piece of body
        self._in_head = True
        self._whole = True  # nothing of a request is awaited
        self._trailer_bytes = 0
        self._to_be_taken = False  # the time to take this answer runs
        self._deaf = False  # nothing more is read

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
        if self._deaf or self.transport.is_closing():
            return
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > self._settings.header_bytes:
            self._refuse_headers()

    def on_message_begin(self) -> None:
        if self._deaf:
            return
        if self._has_to_take():
            self._answer_only_this()
            return
        super().on_message_begin()
        self._whole, self._in_head = False, True
        self._wait(self._settings.header_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._deaf:
            return
        if self._in_head:
            super().on_header(name, value)
            return
        # A trailer: the request has been judged without it, so it says nothing (RFC 9110, 6.5.1).
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > self._settings.header_bytes:
            self._refuse_headers()

    def on_headers_complete(self) -> None:
        if self._deaf:
            return
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size > self._settings.header_bytes:
            self._refuse_headers()
        elif version not in ("1.0", "1.1"):
            self.send_400_response("")
        elif hosts > 1 or (hosts == 0 and version == "1.1"):  # RFC 9112, 3.2
            self._refuse(400, "bad-request", "This request doesn't say which host it is for.")
        else:
            super().on_headers_complete()  # which finds what is no address
            self._in_head, self._unread_bytes, self._trailer_bytes, self._to_be_taken = False, 0, 0, False
            # The gateway answers a slow body (deploy/gateway/requests.py); this is for whoever doesn't.
            self.overdue_at = self.loop.time() + self._settings.body_seconds + self._settings.header_seconds

    def on_body(self, body: bytes) -> None:
        if not self._deaf:
            self._unread_bytes = 0
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        self._whole, self._in_head, self._unread_bytes = True, True, 0
        super().on_message_complete()
        if self.cycle.response_complete:
            self._rest()
        elif not self._to_be_taken:
            self.overdue_at = NEVER
            self._all.works(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.cycle is not None and self.cycle.response_complete:
            self._rest()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        self._refuse(400, "bad-request", "This isn't a request that can be read.")

    def _rest(self) -> None:
        """It is answered."""
        if self.transport.is_closing() or self.flow.write_paused:
            self._await_taking()
        else:  # Answered before the body was there: the rest may still come, but not for long.
            self._wait(self._settings.idle_seconds if self._whole else self._settings.header_seconds)

    def _await_taking(self) -> None:
        """Its client has to take the answer: the time for that begins once, however little is taken now and then."""
        if not self._to_be_taken:
            self._to_be_taken = True
            self._wait(self._settings.reading_seconds)

    def _wait(self, seconds: float) -> None:
        self.overdue_at = self.loop.time() + seconds
        self._all.waits(self)

    def _has_to_take(self) -> bool:
        """Whether an answer is still to be given, or on its way."""
        return self.cycle is not None and (
            not self.cycle.response_complete or self.transport.get_write_buffer_size() > 0
        )

    def _answer_only_this(self) -> None:
        """The request at work is the last one of this connection."""
        self._deaf = True
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self._await_taking()
            self.transport.close()

    def _refuse_headers(self) -> None:
        self._refuse(431, "headers-too-large", "The headers of this request are too long.")

    def _refuse(self, status: int, slug: str, title: str) -> None:
        """A problem (RFC 9457) to a request that isn't one for any service, and the end of the connection."""
        if self._deaf:
            return
        if self._whole and self._has_to_take():  # what came after it was no request
            self._answer_only_this()
            return
        self._deaf = True
        answered = False
        if not self._in_head:  # its body broke off: whoever works on it may stop
            answered = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not answered:
            body = json.dumps({"type": f"/problems/{slug}", "title": title, "status": status}).encode()
            headers = (
                b"content-type: application/problem+json\r\nx-content-type-options: nosniff\r\n"
                b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            )
            self.transport.write(STATUS_LINE[status] + headers + body)
        self._await_taking()
        self.transport.close()
