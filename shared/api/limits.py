"""Limits per alias: token buckets in Redis under a keyed hash, so that a copy of Redis names nobody."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared import clock
from shared.api.callers import Caller, requires
from shared.api.problems import Problem
from shared.keys import keyed_hash
from shared.settings import LimitSettings

_log = structlog.get_logger()

SLOW_STEP = 60  # seconds
# KEYS buckets; ARGV for each: rate/s, burst, now (s), life (ms). Answers for each 0 if taken, else the seconds from
# `now` until a token.
TAKE = """
local waits = {}
for i, key in ipairs(KEYS) do
    local rate, burst, now, life = unpack(ARGV, 4 * i - 3, 4 * i)
    rate, burst, now = tonumber(rate), tonumber(burst), tonumber(now)
    local bucket = redis.call('HMGET', key, 'tokens', 'at')
    local tokens = tonumber(bucket[1]) or burst
    local passed = math.max(0, now - (tonumber(bucket[2]) or now))
    tokens = math.min(burst, tokens + passed * rate)
    waits[i] = 0
    if tokens >= 1 then tokens = tokens - 1 else waits[i] = math.ceil((1 - tokens) / rate) end
    redis.call('HSET', key, 'tokens', tostring(tokens), 'at', tostring(now))
    redis.call('PEXPIRE', key, life)
end
return waits
"""


REDIS_SECONDS = 0.5
MOST_AT_ONCE = 100  # buckets in one command


def make_redis(url: str) -> Redis:
    """A client that gives up in half a second: a Redis that hangs must hold up no request.

    By itself redis-py waits five seconds and tries ten times more. One repetition, at once: a connection that had
    been idle while Redis was started anew is dead at its first use.
    """
    return Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


class TooMany(Problem):
    status = 429
    type = "too-many"
    title = "That was a lot at once. Please wait a moment; nothing was lost."


class Limiter:
    """Takes from the bucket of (limit name, alias). Without Redis everything passes: limits may be lost, people not.

    One question is under way at a time; whoever comes meanwhile is asked for together in the next. A command costs
    a request more than its own validation, and sixteen of them hardly more than one.
    """

    def __init__(self, redis: "Redis", prefix: str, secret: bytes) -> None:
        self._take = redis.register_script(TAKE)
        self._waiting: list[_Take] = []
        self._asking: asyncio.Task[None] | None = None
        self._prefix = prefix
        self._secret = secret

    async def take(self, name: str, alias: UUID, limit: LimitSettings) -> None:
        """Raises TooMany with Retry-After in whole seconds."""
        key = f"{self._prefix}limit:{keyed_hash(self._secret, 'limit', name, alias.bytes).hex()[:32]}"
        exact = clock.now().timestamp()
        # A bucket that lives for minutes knows its time to the minute only: two services' buckets, filled by one
        # person at one moment, would otherwise join that person's aliases in a copy of Redis.
        step = 1 if limit.rate >= 1 else SLOW_STEP
        now = int(exact // step * step)
        full_again = now + int(limit.burst / limit.rate) + 2 * step
        life = round((full_again - exact) * 1000)  # it ends on a step, too
        taking = _Take(key, (limit.rate, limit.burst, now, life), asyncio.get_running_loop().create_future())
        self._waiting.append(taking)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        wait = await taking.answer
        if wait > 0:
            soonest = max(now + wait, now + step) - exact
            raise TooMany(headers={"Retry-After": str(max(1, math.ceil(soonest)))})

    async def _ask(self) -> None:
        asked: list[_Take] = []
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                numbers = [number for each in asked for number in each.numbers]
                waits = await self._take(keys=[each.key for each in asked], args=numbers)
                _tell(asked, map(int, waits))
        except (RedisError, OSError) as error:
            _log.warning("limits_unavailable", error=type(error).__name__)
        finally:  # whoever came meanwhile doesn't try for as long once more
            asked, self._waiting = asked + self._waiting, []
            _tell(asked, repeat(0))


@dataclass(frozen=True, slots=True)
class _Take:
    key: str
    numbers: tuple[float, int, int, int]  # as the script takes them
    answer: asyncio.Future[int]


def _tell(asked: list[_Take], waits: Iterable[int]) -> None:
    for each, wait in zip(asked, waits, strict=False):
        if not each.answer.done():  # by now its request may be gone, or this be told
            each.answer.set_result(wait)


def install(app: FastAPI, limiter: Limiter, **limits: LimitSettings) -> None:
    """`limited(...)` dependencies of `app` take from these buckets."""
    app.state.limiter = limiter
    app.state.limits = limits


def limited(*roles: str, limit: str | None = None) -> Callable[[Request], Awaitable[Caller]]:
    """`requires(*roles)` and a token from the bucket `limit`: by default "reads" for a GET and "writes" otherwise.

    Raises SignInNeeded, NotForThisRole, TooMany.
    """
    admit = requires(*roles)

    async def caller(request: Request) -> Caller:
        found = await admit(request)
        name = limit or ("reads" if request.method in ("GET", "HEAD") else "writes")
        limiter: Limiter = request.app.state.limiter
        await limiter.take(name, found.alias, request.app.state.limits[name])
        return found

    return caller
