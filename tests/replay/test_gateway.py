"""The patient client against a real listener that limits, fails, goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from replay.gateway import BUGS_FORGIVEN, Gateway, Refused


class Listener:
    """A bare HTTP listener that gives prepared answers to POST /act and 200 to everything else."""

    def __init__(self, answers: Iterator[str]) -> None:
        self.answers = answers
        self.acts: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                answer = "200"
                if head.startswith("POST /act"):
                    key = head.lower().partition("idempotency-key: ")[2].partition("\r\n")[0]
                    self.acts.append(key)
                    answer = next(self.answers, "200")
                if answer == "lost":
                    writer.transport.abort()
                    return
                writer.write(f"HTTP/1.1 {answer} x\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def listening(*answers: str) -> AsyncIterator[tuple[Listener, Gateway]]:
    listener = Listener(iter(answers))
    await listener.up()
    async with Gateway(f"http://127.0.0.1:{listener.port}") as gateway:
        yield listener, gateway
    await listener.down()


async def act(gateway: Gateway) -> int:
    return (await gateway.send("POST", "/act", headers={"Idempotency-Key": "the same"})).status_code


async def test_a_limit_is_waited_for_and_the_same_request_comes_again() -> None:
    async with listening("429", "429", "200") as (listener, gateway):
        assert await act(gateway) == 200
        assert listener.acts == ["the same"] * 3


async def test_a_lost_answer_makes_the_same_request_come_again() -> None:
    async with listening("lost", "lost", "200") as (listener, gateway):
        assert await act(gateway) == 200
        assert listener.acts == ["the same"] * 3


async def test_a_region_that_isnt_ready_is_waited_for() -> None:
    async with listening("503", "502", "200") as (_listener, gateway):
        assert await act(gateway) == 200


async def test_a_region_that_goes_away_is_waited_for_by_everybody() -> None:
    async with listening() as (listener, gateway):
        assert await act(gateway) == 200
        await listener.down()
        acting = [asyncio.create_task(act(gateway)) for _ in range(20)]
        _done, waiting = await asyncio.wait(acting, timeout=0.3)
        assert len(waiting) == 20
        await listener.up()
        assert await asyncio.gather(*acting) == [200] * 20


async def test_a_refusal_is_an_answer() -> None:
    async with listening("404") as (_listener, gateway):
        assert await act(gateway) == 404


async def test_a_region_that_goes_on_failing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.gateway.BUG_PAUSE", 0.0)
    async with listening(*["500"] * 50) as (listener, gateway):
        with pytest.raises(Refused):
            await act(gateway)
        assert len(listener.acts) == BUGS_FORGIVEN + 1
