"""Limits per alias: token buckets in Redis under a keyed hash, so that a copy of Redis names nobody."""

import math
from collections.abc import Awaitable, Callable
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
# KEYS[1] bucket; ARGV rate/s, burst, now (s), life (ms). Answers 0 if taken, else the seconds from `now` until a token.
TAKE = """
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local rate, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = tonumber(bucket[1]) or burst
local passed = math.max(0, now - (tonumber(bucket[2]) or now))
tokens = math.min(burst, tokens + passed * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return wait
"""


REDIS_SECONDS = 0.5


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
    """Takes from the bucket of (limit name, alias). Without Redis everything passes: limits may be lost, people not."""

    def __init__(self, redis: "Redis", prefix: str, secret: bytes) -> None:
        self._take = redis.register_script(TAKE)
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
        try:
            wait = await self._take(keys=[key], args=[limit.rate, limit.burst, now, life])
        except (RedisError, OSError) as error:
            _log.warning("limits_unavailable", error=type(error).__name__)
            return
        if int(wait) > 0:
            soonest = max(now + int(wait), now + step) - exact
            raise TooMany(headers={"Retry-After": str(max(1, math.ceil(soonest)))})


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
