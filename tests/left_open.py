"""Connections that outlive their event loop, told of by the test that left them.

Unnoticed they would fail another test: whichever runs when they are collected as garbage.
"""

from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

_found: list[str] = []
_close: Any = BaseSelectorEventLoop.close


def watch() -> None:
    """From now on event loops are looked at as they end."""
    setattr(BaseSelectorEventLoop, "close", _look_and_close)  # noqa: B010 - mypy knows it as a method


def told() -> list[str]:
    """What was open when its loop ended, each told once."""
    found = _found.copy()
    _found.clear()
    return found


def _look_and_close(loop: Any) -> None:
    if not loop.is_closed():
        held = [transport for transport in loop._transports.values() if transport._sock is not None]
        _found.extend(f"{one!r} to {one.get_extra_info('peername')}" for one in held)
    _close(loop)
