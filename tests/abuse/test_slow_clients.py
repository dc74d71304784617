"""Sockets that dawdle, hoard and say nothing: each is ended, and nobody else waits for them."""

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests import tried
from tests.abuse.services import Here
from tests.abuse.sockets import ATTACKER, MEMBER, PAUSE, Door, door, drip, ended, until
from tests.identity.conftest import PASSPHRASE

HEAD = b"GET /api/forum/threads HTTP/1.1\r\nHost: region.test\r\n"
POST = b"POST /api/identity/sessions HTTP/1.1\r\nHost: region.test\r\nContent-Type: application/json\r\n"


PIECE, PIECES = b" " * 65_536, 512  # 32 MiB: more than the kernel takes off our hands


async def much(scope: Scope, receive: Receive, send: Send) -> None:
    """A service with a long answer."""
    length = str(len(PIECE) * PIECES).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for number in range(1, PIECES + 1):
        await send({"type": "http.response.body", "body": PIECE, "more_body": number < PIECES})


async def takes_little(opened: Door, sips: list[int]) -> None:
    """Ask for much and take a little now and then, until the end of it or of the connection."""
    loop = asyncio.get_running_loop()
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        asking.setblocking(False)
        asking.bind((ATTACKER, 0))
        await loop.sock_connect(asking, ("127.0.0.1", opened.port))
        await loop.sock_sendall(asking, b"GET /api/much HTTP/1.1\r\nHost: region.test\r\n\r\n")
        with suppress(ConnectionError):
            while sum(sips) < len(PIECE) * PIECES and (taken := await loop.sock_recv(asking, 65_536)):
                sips.append(len(taken))
                await asyncio.sleep(0.005)


async def sign_in(opened: Door, name: str) -> int:
    """A member with manners, from an address of their own, on a new connection."""
    async with opened.client() as member:
        body = {"sign_in_name": name, "passphrase": PASSPHRASE, "client_id": "app"}
        answer = await member.post("/api/identity/sessions", json=body)
        return answer.status_code


async def besieged(opened: Door, sockets: int, name: str, addresses: int = 1) -> tuple[int, int]:
    """(how many of the dripping sockets are open at most, what a member gets who signs in meanwhile)."""
    dripping = []
    for number in range(sockets):
        _, writer = await opened.connect(f"127.0.1.{1 + number % addresses}")
        dripping.append(asyncio.create_task(drip(writer, HEAD + b"X-A: ", b"a")))
    held = len(opened.listener.connections)
    try:
        async with asyncio.timeout(10):
            status = await sign_in(opened, name)
    except (TimeoutError, httpx.TransportError):
        status = 0  # kept out
    for task in dripping:
        task.cancel()
    await asyncio.gather(*dripping, return_exceptions=True)
    return held, status


@pytest.mark.parametrize("addresses", [1, 200])
def test_two_hundred_dripping_sockets_keep_no_member_out(here: Here, addresses: int) -> None:
    name = here.accounts["member"].sign_in_name
    with door(here, connections=150, connections_per_address=60) as opened:  # and nobody's time runs out
        held, status = here.run(besieged(opened, 200, name, addresses))
        assert held <= (60 if addresses == 1 else 150)
        assert status == 201
    tried.count("abuse", "dripping sockets", 200)


def test_headers_that_never_end_are_given_up_whatever_trickles_in(here: Here) -> None:
    async def attack(opened: Door) -> None:
        for first, drop in ((b"", b""), (b"G", b""), (HEAD, b"X-A: a\r\n"), (b"", b"\r\n"), (b"GET /", b"a")):
            reader, writer = await opened.connect()
            dripping = asyncio.create_task(drip(writer, first, drop))
            assert await ended(reader) == b"", (first, drop)
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
        await until(lambda: len(opened.listener.connections) == 0, "all places free again")

    with door(here, header_seconds=0.3) as opened:
        here.run(attack(opened))
    tried.count("abuse", "dripping sockets", 5)


def test_a_body_that_drips_is_answered_and_its_connection_ended(here: Here) -> None:
    async def attack(opened: Door) -> list[bytes]:
        heard = []
        for kind, drop in ((b"Content-Length: 60000", b"{"), (b"Transfer-Encoding: chunked", b"1\r\na\r\n")):
            reader, writer = await opened.connect()
            dripping = asyncio.create_task(drip(writer, POST + kind + b"\r\n\r\n", drop))
            heard.append(await ended(reader))
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
        return heard

    with door(here, body_seconds=0.3, header_seconds=0.3, idle_seconds=0.3) as opened:
        for heard in here.run(attack(opened)):
            assert heard.startswith(b"HTTP/1.1 408 "), heard
            assert b'"/problems/too-slow"' in heard
    tried.count("abuse", "dripping sockets", 2)


def test_what_was_refused_before_its_body_came_may_not_go_on_sending(here: Here) -> None:
    """Too long, and too often: the answer is out, the rest isn't read for ever."""

    async def attack(opened: Door) -> bytes:
        reader, writer = await opened.connect()
        dripping = asyncio.create_task(drip(writer, POST + b"Content-Length: 99999\r\n\r\n", b"{"))
        heard = await ended(reader)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        return heard

    with door(here, header_seconds=0.3) as opened:  # all other waits are long
        assert here.run(attack(opened)).startswith(b"HTTP/1.1 413 ")


def test_idle_connections_end_and_busy_ones_stay(here: Here) -> None:
    idle = 1.5

    async def attack(opened: Door) -> None:
        reader, writer = await opened.connect()
        loop = asyncio.get_running_loop()
        enough = loop.time() + 2 * idle
        while loop.time() < enough:  # busy for longer than anybody may be idle
            await asyncio.sleep(PAUSE)
            writer.write(HEAD + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 ")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
        assert await ended(reader) == b""

    with door(here, idle_seconds=idle) as opened:
        here.run(attack(opened))


def test_who_asks_for_much_and_reads_nothing_is_left_standing(here: Here) -> None:
    async def attack(opened: Door) -> None:
        _, writer = await opened.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /api/much HTTP/1.1\r\nHost: region.test\r\n\r\n")
        await until(lambda: len(opened.listener.connections) == 1, "connected")
        await until(lambda: len(opened.listener.connections) == 0, "ended, though it wants more")

    with door(here, {"much": much}, reading_seconds=0.4) as opened:  # no other time runs out
        here.run(attack(opened))


def test_an_answer_must_be_taken_in_its_time_not_in_sips(here: Here) -> None:
    with door(here, {"much": much}, reading_seconds=1) as opened:
        sips: list[int] = []
        here.run(takes_little(opened, sips))
    assert 0 < sum(sips) < len(PIECE) * PIECES, "it may go on taking little"
    tried.count("abuse", "dripping sockets")


def test_who_takes_little_gives_way(here: Here) -> None:
    async def attack(opened: Door) -> int:
        sips: list[list[int]] = [[] for _ in range(8)]
        sipping = [asyncio.create_task(takes_little(opened, mine)) for mine in sips]
        await until(lambda: all(sips), "all places taken, and each answer begun")
        try:
            async with opened.client() as member:
                return (await member.get("/api/forum/threads")).status_code
        except httpx.TransportError:
            return 0  # kept out
        finally:
            for task in sipping:
                task.cancel()
            await asyncio.gather(*sipping, return_exceptions=True)

    with door(here, {"much": much}, connections=8) as opened:
        assert here.run(attack(opened)) == 401
    tried.count("abuse", "dripping sockets", 8)


def test_a_question_behind_a_question_holds_no_place(here: Here) -> None:
    """One that is answered and one whose body never comes, in one go."""

    async def attack(opened: Door) -> tuple[list[bytes], int]:
        both = HEAD + b"\r\n" + POST + b"Content-Length: 10\r\n\r\n{"
        heard = await asyncio.gather(*(opened.says(both) for _ in range(8)))
        return heard, await sign_in(opened, here.accounts["member"].sign_in_name)

    with door(here, connections=8) as opened:  # nobody's time runs out
        heard, status = here.run(attack(opened))
    for answer in heard:
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in answer.lower()
    assert status == 201
    tried.count("abuse", "hoarded connections", 8)


def test_unfinished_bodies_give_way(here: Here) -> None:
    async def attack(opened: Door) -> int:
        for _ in range(8):
            _, writer = await opened.connect()
            writer.write(POST + b"Content-Length: 10\r\n\r\n{")
            await writer.drain()
        await until(lambda: len(opened.listener.connections) == 8, "all places taken")
        return await sign_in(opened, here.accounts["member"].sign_in_name)

    with door(here, connections=8) as opened:
        assert here.run(attack(opened)) == 201
    tried.count("abuse", "hoarded connections", 8)


def test_a_hoarder_loses_its_own_places_not_those_of_others(here: Here) -> None:
    async def attack(opened: Door) -> None:
        reader, writer = await opened.connect(MEMBER)
        await until(lambda: len(opened.listener.connections) == 1, "the member is there")
        for _ in range(40):
            await opened.connect(ATTACKER)
        await until(lambda: opened.listener.connections.gave_way == 40 - 10, "the oldest of them gave way")
        assert len(opened.listener.connections) == 1 + 10
        writer.write(HEAD + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")

    with door(here, connections=30, connections_per_address=10) as opened:
        here.run(attack(opened))
    tried.count("abuse", "hoarded connections", 40)


def test_who_is_being_answered_never_gives_way(here: Here) -> None:
    """All places busy with work: the newcomer is refused, not whoever waits for an answer."""

    async def attack(opened: Door) -> list[int]:
        name = here.accounts["member"].sign_in_name
        return list(await asyncio.gather(*(signed_in_or_refused(opened, name) for _ in range(12))))

    async def signed_in_or_refused(opened: Door, name: str) -> int:
        body = json.dumps({"sign_in_name": name, "passphrase": PASSPHRASE, "client_id": "app"}).encode()
        heard = await opened.says(
            POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body, source=MEMBER
        )
        return int(heard[9:12]) if heard else 0

    with door(here, connections=4, connections_per_address=4) as opened:
        answered = here.run(attack(opened))
    assert set(answered) <= {0, 201}
    assert answered.count(201) >= 4, answered


def refused(heard: bytes, status: int) -> dict[str, Any]:
    """The problem in a raw answer."""
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), heard[:300]
    assert b"application/problem+json" in head
    found: dict[str, Any] = json.loads(body)
    assert found["status"] == status
    return found
