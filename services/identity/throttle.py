"""Slows guessing at one sign-in name, and never locks it. In Redis; in PostgreSQL while Redis is away."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity.errors import SlowDown
from services.identity.settings import Settings
from shared import clock
from shared.hlc import milliseconds

_log = structlog.get_logger()

# KEYS[1] failures of one name; ARGV now (ms), free failures, longest wait (ms), kept (s).
# Answers 0 when the try may go on, else the milliseconds until one may.
# A try counts as failed before it is checked: a hundred at once are no better than one after another.
ADMIT = """
local now, free, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'failures', 'open_at')
local failures, open_at = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if now < open_at then return open_at - now end
failures = failures + 1
if failures >= free then open_at = now + math.min(longest, 1000 * 2 ^ math.min(failures - free, 30)) end
redis.call('HSET', KEYS[1], 'failures', failures, 'open_at', tostring(open_at))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0
"""
# The same in one statement: no row comes back while the name has to wait.
ADMIT_WITHOUT_REDIS = text(
    "INSERT INTO sign_in_failures AS f (name_hash, failures, open_at, forget_at)"
    " VALUES (:name, 1, :now, :forget_at)"
    " ON CONFLICT (name_hash) DO UPDATE SET"
    "   failures = CASE WHEN f.forget_at <= :now THEN 1 ELSE f.failures + 1 END,"
    "   open_at = CASE WHEN f.forget_at > :now AND f.failures + 1 >= :free"
    "     THEN CAST(:now AS timestamptz) + make_interval(secs =>"
    "       least(CAST(:longest AS float8), power(2, least(f.failures + 1 - :free, 30))))"
    "     ELSE :now END,"
    "   forget_at = :forget_at"
    " WHERE f.open_at <= :now RETURNING failures"
)
OPEN_AT = text("SELECT open_at FROM sign_in_failures WHERE name_hash = :name")
FORGET = text("DELETE FROM sign_in_failures WHERE name_hash = :name")
FORGET_OLD = text("DELETE FROM sign_in_failures WHERE forget_at <= :now")


class Throttle:
    """Tries by the keyed hash of what is guessed at. Commits by itself: a refused try must still count."""

    def __init__(self, redis: Redis, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._redis = redis
        self._admit = redis.register_script(ADMIT)
        self._sessions = sessions
        self._settings = settings

    @asynccontextmanager
    async def attempt(self, name_hash: bytes) -> AsyncIterator[None]:
        """One try: forgotten with all before it when the block ends without an error. Raises SlowDown."""
        await self._take(name_hash)
        yield
        await self.forget(name_hash)

    async def _take(self, name_hash: bytes) -> None:
        kept = timedelta(hours=self._settings.failures_kept_hours)
        try:
            wait = await self._admit(
                keys=[self._key(name_hash)],
                args=[
                    milliseconds(clock.now()),
                    self._settings.failures_before_waiting,
                    self._settings.longest_wait_seconds * 1000,
                    int(kept.total_seconds()),
                ],
            )
            seconds = int(wait) / 1000
        except (RedisError, OSError) as error:
            _log.warning("sign-in is slowed by the database: no Redis", error=type(error).__name__)
            seconds = await self._take_without_redis(name_hash, kept)
        if seconds > 0:
            raise SlowDown(headers={"Retry-After": str(math.ceil(seconds))})

    async def _take_without_redis(self, name_hash: bytes, kept: timedelta) -> float:
        now = clock.now()
        async with self._sessions.begin() as session:
            admitted = await session.scalar(
                ADMIT_WITHOUT_REDIS,
                {
                    "name": name_hash,
                    "now": now,
                    "forget_at": now + kept,
                    "free": self._settings.failures_before_waiting,
                    "longest": self._settings.longest_wait_seconds,
                },
            )
            if admitted is not None:
                return 0
            open_at = await session.scalar(OPEN_AT, {"name": name_hash})
        return (open_at - now).total_seconds() if open_at is not None else 1

    async def forget(self, name_hash: bytes) -> None:
        """The next try is the first again."""
        try:
            await self._redis.delete(self._key(name_hash))
        except (RedisError, OSError):
            async with self._sessions.begin() as session:
                await session.execute(FORGET, {"name": name_hash})

    def _key(self, name_hash: bytes) -> str:
        return f"{self._settings.redis_prefix}sign-in:{name_hash.hex()[:32]}"


async def forget_old_failures(session: AsyncSession) -> None:
    """Drop what the database counted while Redis was away, once it slows nobody any more."""
    await session.execute(FORGET_OLD, {"now": clock.now()})
