"""Work at once, by address: whoever asks for much waits for their own turn, so that others needn't wait for them.

A service has ten connections to its database, and identity two threads that hash passphrases: rates alone let one address
have all of them for seconds.
"""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.gateway.limits import subscriber


class TooMuchWaiting(Exception):
    """As much work of one address waits as ever may."""


@dataclass
class _Address:
    """One address that has asked for something. `here`: requests at work and waiting."""

    places: asyncio.Semaphore
    here: int = 0


class Turns:
    """`at_once` requests of an address are at work; up to `waiting` more wait, the first first.

    A client that goes away leaves its work behind: connections alone don't limit what waits.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._addresses: dict[str, _Address] = {}

    async def answer(self, address: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have `app` answer when it is this address' turn, which lasts until the answer begins: then the work is done.

        Raises TooMuchWaiting.
        """
        where = subscriber(address)
        asking = self._addresses.setdefault(where, _Address(asyncio.Semaphore(self._at_once)))
        if asking.here >= self._most:
            raise TooMuchWaiting
        asking.here += 1
        try:
            await asking.places.acquire()
            over = False

            def end() -> None:
                nonlocal over
                if not over:
                    over = True
                    asking.places.release()

            async def send_on(message: Message) -> None:
                end()
                await send(message)

            try:
                await app(scope, receive, send_on)
            finally:
                end()
        finally:
            asking.here -= 1
            if not asking.here:
                del self._addresses[where]
