"""How the relay hears of new rows: in this process by an event, from others through Redis, else it polls."""

import asyncio
import contextlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

RETRY_LISTEN = 5.0
LAST_WORD_SECONDS = 0.5  # for the last wake of a process that stops


class Wakes:
    """Redis may be away: then rows of other processes wait for the next poll, a second at most."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        self._url = redis_url
        self._channel = f"{prefix}relay"
        self._woken = asyncio.Event()
        self._redis: Redis | None = None
        self._listening: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._untold = False

    def wake(self) -> None:
        """There may be new rows."""
        self._woken.set()
        if self._listening is None:
            self._untold = True  # a message that is under way may be read before these rows are committed
            if self._telling is None or self._telling.done():
                self._telling = asyncio.create_task(self._tell())

    def clear(self) -> None:
        """Wakes from now on count."""
        self._woken.clear()

    async def heard_within(self, seconds: float) -> bool:
        """Whether a wake has come or comes within that time; wakes from now on count."""
        came = await self.wait(seconds)
        self._woken.clear()
        return came

    async def wait(self, seconds: float) -> bool:
        """Wait for a wake, or that long. Returns whether one came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        return self._woken.is_set()

    async def listen(self) -> None:
        """This process holds the lock: hear the others."""
        self._listening = asyncio.create_task(self._listen())

    async def stop_listening(self) -> None:
        """Another process may hold the lock: tell it."""
        task, self._listening = self._listening, None
        while task is not None and not task.done():
            task.cancel()  # again, should a client that is just connecting have taken the first for its own
            await asyncio.wait([task], timeout=0.5)

    async def close(self) -> None:
        """Let go of Redis."""
        await self.stop_listening()
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=LAST_WORD_SECONDS)
            self._telling.cancel()
            await asyncio.wait([self._telling])
        if self._redis is not None:
            await self._redis.aclose()

    def _client(self) -> Redis:
        if self._redis is None:
            self._redis = Redis.from_url(self._url, socket_connect_timeout=2)
        return self._redis

    async def _tell(self) -> None:
        while self._untold:
            self._untold = False
            with contextlib.suppress(RedisError, OSError):
                await self._client().publish(self._channel, b"")

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError):
                async with self._client().pubsub() as channel:
                    await channel.subscribe(self._channel)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._woken.set()
            await asyncio.sleep(RETRY_LISTEN)
