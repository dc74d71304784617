"""Bytes that aren't quite HTTP, at the gateway's own socket: two readings of one request are none."""

import asyncio
import gzip
import json
from uuid import uuid4

import pytest

from tests import tried
from tests.abuse.services import Here
from tests.abuse.sockets import Door, door, drip, ended

END = b"Connection: close\r\n\r\n"
HOST = b"Host: region.test\r\n"
GET = b"GET /api/forum/threads HTTP/1.1\r\n" + HOST
POST = b"POST /api/identity/sessions HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: region.test\r\n\r\n"

# Each by the statuses that may come; one answer at most, and never that of the smuggled request.
MALFORMED: dict[str, tuple[bytes, set[int]]] = {
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + SMUGGLED, {400}),
    "two equal lengths": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED, {400}),
    "lengths in a list": (POST + b"Content-Length: 2, 2\r\n\r\n{}" + SMUGGLED, {400}),
    "a length below nothing": (POST + b"Content-Length: -1\r\n\r\n{}" + SMUGGLED, {400}),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}" + SMUGGLED, {400}),
    "a length in hex": (POST + b"Content-Length: 0x2\r\n\r\n{}" + SMUGGLED, {400}),
    "a length beyond all numbers": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", {400, 413}),
    "a length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "chunks and a length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "chunked, but not last": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "chunked, misspelt": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "a space before the colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "a folded header": (GET + b"X-A: a\r\n Transfer-Encoding: chunked\r\n" + END, {400, 401}),
    "a chunk longer than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + SMUGGLED, {400}),
    "a chunk size beyond all numbers": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n", {400}),
    "a chunk size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {400}),
    "lines that end in LF": (b"GET /api/forum/threads HTTP/1.1\nHost: region.test\nConnection: close\n\n", {400, 401}),
    "a CR within a header": (GET + b"X-A: a\rX-B: b\r\n" + END, {400}),
    "a NUL within a header": (GET + b"X-A: a\x00b\r\n" + END, {400}),
    "a header without a name": (GET + b": a\r\n" + END, {400}),
    "a name with a bracket": (GET + b"X(A: a\r\n" + END, {400}),
    "no host": (b"GET /api/forum/threads HTTP/1.1\r\n" + END, {400}),
    "two hosts": (GET + b"Host: evil.example\r\n" + END, {400}),
    "HTTP/0.9": (b"GET /api/forum/threads\r\n\r\n", {400}),
    "HTTP/2 by announcement": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\n" + HOST + END, {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), {400}),
    "nothing but lines": (b"\r\n" * 20_000 + b"?", {400, 431}),
    "a path that isn't ASCII": (b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + END, {400}),
    "a path with a NUL": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + END, {400}),
    "all of the server": (b"OPTIONS * HTTP/1.1\r\n" + HOST + END, {400, 404, 405, 503}),
    "another server": (b"GET http://evil.example/api/forum/threads HTTP/1.1\r\n" + HOST + END, {400, 401}),
    "a tunnel": (b"CONNECT 127.0.0.1:6379 HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, 405, 503}),
    "an upgrade": (GET + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", {401}),
    "a WebSocket": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", {401}),
    "a long header": (GET + b"X-A: " + b"a" * 40_000 + b"\r\n" + END, {431}),
    "a header without end": (GET + b"X-A: " + b"a" * 200_000, {431}),
    "many headers": (GET + b"X-A: a\r\n" * 5_000 + END, {431}),
    "a long path": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + END, {431}),
    "a path without end": (b"GET /" + b"a" * 200_000, {431}),
    "a method without end": (b"A" * 70_000, {400, 431}),
    "chunks without end": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"a" * 1024 + b"\r\n" * 1, {408, 413}),
}  # fmt: skip
METHODS = (
    "TRACE",
    "TRACK",
    "DEBUG",
    "PROPFIND",
    "PATCH",
    "COPY",
    "PURGE",
    "get",
    "GETS",
    "OPTIONS",
    "M-SEARCH",
    "LINK",
    "SOURCE",
    "QUERY",
)


def answers(heard: bytes) -> list[int]:
    """The statuses of all answers in what came back."""
    found = []
    rest = heard
    while rest.startswith(b"HTTP/1.1 "):
        head, _, rest = rest.partition(b"\r\n\r\n")
        found.append(int(head[9:12]))
        length = next(
            (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
        )
        rest = rest[int(length.partition(b":")[2]) :]
    assert not rest, rest[:200]
    return found


def judge(heard: bytes, expected: set[int]) -> None:
    """One refusal, as problem details, that repeats nothing."""
    assert len(found := answers(heard)) == 1, found
    assert found[0] in expected, heard[:300]
    head, _, body = heard.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert json.loads(body)["status"] == found[0]
    assert b"evil" not in heard
    assert b"smuggled" not in heard


@pytest.mark.parametrize("what", MALFORMED)
def test_one_request_has_one_reading(here: Here, opened: Door, what: str) -> None:
    sent, expected = MALFORMED[what]
    judge(here.run(opened.says(sent)), expected)
    tried.count("abuse", "malformed requests")


@pytest.fixture(scope="module")
def opened(here: Here):  # type: ignore[no-untyped-def]
    with door(here, header_seconds=0.5, body_seconds=0.5, idle_seconds=0.5) as found:
        yield found


@pytest.mark.parametrize("method", METHODS)
def test_odd_methods_do_nothing(here: Here, opened: Door, method: str) -> None:
    for path in (b"/api/forum/threads", b"/api/identity/sessions", b"/api/events/gatherings"):
        sent = method.encode() + b" " + path + b" HTTP/1.1\r\n" + HOST + END
        heard = here.run(opened.says(sent))
        judge(heard, {400, 404, 405})
        assert b"Authorization" not in heard
    tried.count("abuse", "malformed requests", 3)


def test_a_header_that_names_another_method_names_nothing(here: Here, opened: Door) -> None:
    thread = here.ids["thread_id"].encode()
    for name in (b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override", b"_method"):
        bearer = here.bearer("forum", "member")["Authorization"].encode()
        sent = b"GET /api/forum/threads/" + thread + b" HTTP/1.1\r\n" + HOST
        heard = here.run(
            opened.says(sent + b"Authorization: " + bearer + b"\r\n" + name + b": DELETE\r\n" + END)
        )
        assert answers(heard) == [200]
    assert here.ask("GET", "forum", f"/threads/{here.ids['thread_id']}", role="member").is_success


def test_bodies_that_would_grow_are_never_unpacked(here: Here, opened: Door) -> None:
    packed = gzip.compress(b'{"sign_in_name": "' + b"a" * 30_000_000 + b'"}')
    assert len(packed) < 64 * 1024
    for encoding in (b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"):
        head = POST + b"Content-Encoding: " + encoding + b"\r\nContent-Length: %d\r\n" % len(packed) + END
        judge(here.run(opened.says(head + packed)), {400, 415, 422})
        tried.count("abuse", "malformed requests")


def chunked(trailers: bytes) -> bytes:
    """A post to the forum, which lacks only who writes it."""
    body = json.dumps({"title": "T", "wish": "listen", "body": "B"}).encode()
    head = b"POST /api/forum/threads HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    head += b"Idempotency-Key: " + uuid4().hex.encode() + b"\r\n"
    return (
        head + b"Transfer-Encoding: chunked\r\n" + END + b"%x\r\n%s\r\n0\r\n" % (len(body), body) + trailers
    )


def test_what_comes_behind_a_body_says_nothing_about_it(here: Here, opened: Door) -> None:
    bearer = here.bearer("forum", "member")["Authorization"].encode()
    heard = here.run(opened.says(chunked(b"Authorization: " + bearer + b"\r\nHost: evil.example\r\n\r\n")))
    assert answers(heard) == [401], "a trailer was heard"
    tried.count("abuse", "malformed requests")


@pytest.mark.parametrize(
    "trailers",
    [
        [b"X-A: a\r\n" * 6_000],
        [b"X-A: a\r\n"] * 100_000,
        [b"X-A: " + b"a" * 40_000 + b"\r\n\r\n"],
        [b"a" * 20_000] * 20,
    ],
    ids=["many", "many by and by", "a long one", "one without end"],
)
def test_trailers_have_the_limit_of_headers(here: Here, opened: Door, trailers: list[bytes]) -> None:
    first, *rest = trailers
    judge(here.run(opened.says(chunked(first), *rest)), {431})
    tried.count("abuse", "malformed requests")


def test_one_request_at_a_time_is_answered(here: Here, opened: Door) -> None:
    request = GET + b"\r\n"
    assert answers(here.run(opened.says(request * 20))) == [401], "questions behind a question"
    assert answers(here.run(opened.says(request + b"\x16?"))) == [401]
    tried.count("abuse", "malformed requests", 2)


def test_chunks_stop_being_read_where_a_body_is_too_long(here: Here, opened: Door) -> None:
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"

    async def attack() -> bytes:
        reader, writer = await opened.connect()
        pouring = asyncio.create_task(drip(writer, POST + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 32))
        heard = await ended(reader)  # and never, if all of it were read
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        return heard

    judge(here.run(attack()), {413})
    tried.count("abuse", "malformed requests")
