"""A region's gateway as a patient client meets it: slowed by its limits, waited for when it is away.

Every request here may be repeated: it creates with an idempotency key, or sets what is so. So whatever happens on the
way (a lost connection, a killed region, a lost answer), the same request is sent again until it is answered.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

PATIENCE = 600.0  # seconds in which a gateway that went away must have come back
LONGEST_PAUSE = 30.0
BUGS_FORGIVEN = 5  # answers of 500 in a row; a region that is coming up may give some
BUG_PAUSE = 1.0  # seconds, longer after each
AWAY = frozenset({502, 503, 504})
# A little under what an address may do (100 requests a second, 400 at once), so that few requests are refused.
RATE, BURST = 95.0, 300
CONNECTIONS = 32


class Refused(RuntimeError):
    """The region's answer is no. `slug` is its problem's stable type."""

    def __init__(self, answer: httpx.Response) -> None:
        problem = _problem(answer)
        self.status = answer.status_code
        self.slug = str(problem.get("type", "")).rpartition("/")[2]
        told = " ".join(str(problem[part]) for part in ("title", "detail") if problem.get(part))
        super().__init__(told or f"The region answered {answer.status_code}.")


class GoneAway(RuntimeError):
    """The gateway didn't come back in time."""


class Gateway:
    """One region's public listener. `notice` is told when it is away and when it is back."""

    def __init__(self, url: str, notice: Callable[[str], None] = lambda _said: None) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._http = httpx.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False)
        self._pace = _Pace(RATE, BURST)
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._notice = notice
        self._back = asyncio.Event()
        self._back.set()
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self._http.aclose()

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The region's answer to a request that may be repeated: a success or a refusal (4xx).

        429 is waited for as Retry-After says, an unreachable or unready region until it is back.
        Raises GoneAway, and Refused for a region that goes on failing.
        """
        bugs = 0
        while True:
            await self._back.wait()
            if self._watch is not None and self._watch.done() and (gone := self._watch.exception()):
                raise gone
            await self._pace.step()
            try:
                async with self._free:
                    answer = await self._http.request(method, path, **options)
            except httpx.TransportError:
                self._went_away()
                continue
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                await asyncio.sleep(_pause(answer))
            elif answer.status_code in AWAY:
                self._went_away()
            elif answer.is_server_error:
                bugs += 1
                if bugs > BUGS_FORGIVEN:
                    raise Refused(answer)
                await asyncio.sleep(BUG_PAUSE * bugs)
            else:
                return answer

    def _went_away(self) -> None:
        """Let everybody wait, while one looks whether it is back."""
        if self._watch is None or self._watch.done():
            self._back.clear()
            self._watch = asyncio.create_task(self._until_back())

    async def _until_back(self) -> None:
        started = time.monotonic()
        told = False
        try:
            while not await self._answers():
                if time.monotonic() - started > PATIENCE:
                    raise GoneAway(f"The region didn't come back within {PATIENCE / 60:.0f} minutes.")
                if not told and time.monotonic() - started > 1:
                    self._notice("The region is away; waiting for it.")
                    told = True
                await asyncio.sleep(0.5)
        finally:
            self._back.set()
        if told:
            self._notice("The region is back; going on.")

    async def _answers(self) -> bool:
        """Whether every service that the replay needs is up."""
        try:
            for path in ("/api/identity/jwks.json", "/api/forum/health/ready", "/api/events/health/ready"):
                answer = await self._http.get(path, timeout=5)
                if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    return False
        except httpx.TransportError:
            return False
        return True


class _Pace:
    """Lets requests through at a rate, some at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._spare = burst / rate  # seconds by which requests may be early
        self._next = 0.0

    async def step(self) -> None:
        """Wait for this request's turn."""
        now = time.monotonic()
        self._next = max(self._next, now - self._spare) + 1 / self._rate
        if self._next > now:
            await asyncio.sleep(self._next - now)


def _pause(answer: httpx.Response) -> float:
    """Seconds that a 429 asks to wait."""
    try:
        return min(float(answer.headers.get("Retry-After", "1")), LONGEST_PAUSE)
    except ValueError:
        return 1.0


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
