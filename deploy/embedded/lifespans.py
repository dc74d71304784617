"""Starts and stops ASGI applications that live in one process, by the lifespan protocol."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message


class LifespanFailed(RuntimeError):
    """An application refused to start."""


class Lifespan:
    """One application's life, in a task of its own from start to stop."""

    def __init__(self, name: str, app: ASGIApp) -> None:
        self.name = name
        self.app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait until the application has started.

        Raises LifespanFailed, or the error that ended it.
        """
        self._task = asyncio.create_task(self._live(), name=f"lifespan of {self.name}")
        await self._exchange("startup")

    async def stop(self) -> None:
        """Wait until the application has stopped."""
        if self._task is not None and not self._task.done():
            await self._exchange("shutdown")
            await self._task

    async def _exchange(self, what: str) -> None:
        assert self._task is not None
        await self._to_app.put({"type": f"lifespan.{what}"})
        answer = asyncio.create_task(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._task.result()
            raise LifespanFailed(f"{self.name} ended while it should {what}")
        message = answer.result()
        if message["type"] == f"lifespan.{what}.failed":
            if self._task.done():
                self._task.result()
            raise LifespanFailed(f"{self.name}: {message.get('message', '')}")

    async def _live(self) -> None:
        scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": {},
        }
        await self.app(scope, self._to_app.get, self._from_app.put)
