"""The network between regions in these tests does what a network does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.federation.proxy import Proxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """Before somebody who says everything again."""
    done = set[asyncio.StreamWriter]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.add(writer)
        while words := await reader.read(1000):
            writer.write(words)
        writer.write(b" and good-bye")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    with Proxy(host, port) as proxy:
        yield proxy
    server.close()
    for writer in done:
        writer.transport.abort()
    await server.wait_closed()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
def words() -> bytes:
    return b"hello" * 100_000


async def test_all_bytes_pass_both_ways_in_order_and_an_end_is_an_end(words: bytes) -> None:
    async with echo() as proxy, connected(proxy) as (reader, writer):
        writer.write(words)
        writer.write_eof()
        assert await reader.read(-1) == words + b" and good-bye"


async def test_a_long_way_delays_each_byte_once_and_lets_many_be_on_it(words: bytes) -> None:
    async with echo() as proxy:
        proxy.delay(0.1)
        async with connected(proxy) as (reader, writer):
            begun = time.monotonic()
            writer.write(words)
            assert await reader.readexactly(len(words)) == words
            assert time.monotonic() - begun > 0.2


async def test_a_cut_resets_who_is_connected_and_whoever_comes_until_it_is_healed() -> None:
    async with echo() as proxy:
        async with connected(proxy) as (reader, writer):
            writer.write(b"hello")
            assert await reader.read(5) == b"hello"
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            async with connected(proxy) as (reader, _):  # reset already while it connects, or only then
                await reader.readexactly(1)
        proxy.heal()
        async with connected(proxy) as (reader, writer):
            writer.write(b"again")
            assert await reader.read(5) == b"again"


async def test_what_was_said_into_the_silence_comes_when_it_is_healed() -> None:
    async with echo() as proxy, connected(proxy) as (reader, writer):
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        proxy.cut(silently=True)
        writer.write(b"are you there")
        answer = asyncio.create_task(reader.readexactly(13))
        done, _ = await asyncio.wait([answer], timeout=0.3)
        assert not done
        proxy.heal()
        assert await answer == b"are you there"
