"""An answer's head and body are one piece on the wire, a stream's pieces aren't kept back, and nothing gets lost."""

import asyncio
from typing import Any

import pytest

from deploy.command.whole_answers import Joining


class Wire:
    """Records what a transport is told."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
async def joined() -> tuple[Wire, Any]:
    wire = Wire()
    return wire, Joining(wire, asyncio.get_running_loop())


async def test_head_and_body_are_one_piece(joined: tuple[Wire, Any]) -> None:
    wire, transport = joined
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.pieces == [b"head body"]
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body"]


async def test_a_piece_alone_waits_no_longer_than_its_turn(joined: tuple[Wire, Any]) -> None:
    wire, transport = joined
    for piece in (b"head", b"event 1", b"event 2"):
        transport.write(piece)
        transport.write(b"")
        await asyncio.sleep(0)
    assert wire.pieces == [b"head", b"event 1", b"event 2"]


async def test_what_waits_goes_before_the_end(joined: tuple[Wire, Any]) -> None:
    wire, transport = joined
    transport.write(b"head")
    transport.close()
    assert (wire.pieces, wire.closed) == ([b"head"], True)
    await asyncio.sleep(0)
    assert wire.pieces == [b"head"]


async def test_nothing_is_written_to_who_has_gone(joined: tuple[Wire, Any]) -> None:
    wire, transport = joined
    transport.write(b"head")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.pieces == []
    assert transport.get_extra_info("peername") == "peername"
