"""Counts requests by route template, in a pure ASGI layer that costs a dictionary look-up.

Plain numbers, since a service's requests are all answered on one event loop: no locks.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry.catalogue import HTTP_DURATION, HTTP_FAULTS, HTTP_REQUESTS
from shared.telemetry.families import DailyTens, Family, Labels, counter, histogram

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED, OTHER_METHOD = "unmatched", "other"
NOT_COUNTED = frozenset({"/metrics", "/health/live", "/health/ready"})


@dataclass(slots=True)
class Line:
    """Requests of one route, method and class of status."""

    count: int = 0
    seconds: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))  # each bound, and above all


class Requests:
    """What one service has answered."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, int], Line] = {}
        self._faults: Counter[int] = Counter()
        self._daily = DailyTens[Labels]()
        self._daily_within = DailyTens[tuple[Labels, int]]()  # and which bound

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """One request has been answered; its route is what the router left in its scope."""
        route = getattr(scope.get("route"), "path", UNMATCHED)
        if route in NOT_COUNTED:
            return
        kind = route, scope["method"], status // 100
        line = self._lines.get(kind)
        if line is None:
            if kind[1] not in METHODS:  # anybody may invent one
                kind = route, OTHER_METHOD, status // 100
            line = self._lines.setdefault(kind, Line())
        line.count += 1
        line.seconds += seconds
        line.within[bisect_left(BOUNDS, seconds)] += 1
        if status >= 500:
            self._faults[status] += 1

    def acts(self, *, exact: bool) -> Iterable[Family]:
        """Counts and durations; unless `exact` the day is over, and of it only tens are told, without sums."""
        counts: dict[Labels, int] = {}
        whole: dict[Labels, Line] = {}
        for (route, method, status), line in self._lines.items():
            counts[method, route, f"{status}xx"] = line.count
            one = whole.setdefault((method, route), Line())
            one.count += line.count
            one.seconds += line.seconds
            one.within = [a + b for a, b in zip(one.within, line.within, strict=True)]
        if exact:
            yield counter(HTTP_REQUESTS, counts)
            yield histogram(
                HTTP_DURATION, BOUNDS, {of: (line.within, line.seconds) for of, line in whole.items()}
            )
            return
        yield counter(HTTP_REQUESTS, self._daily.end_day(counts))
        told = self._daily_within.end_day(
            {(of, bound): count for of, line in whole.items() for bound, count in enumerate(line.within)}
        )
        bounds = range(len(BOUNDS) + 1)
        yield histogram(
            HTTP_DURATION,
            BOUNDS,
            {of: ([told.get((of, bound), 0) for bound in bounds], None) for of in whole},
        )

    def faults(self) -> Family:
        """Answers of 500 and above, at once: their log lines bear the time, too."""
        return counter(HTTP_FAULTS, {(str(status),): count for status, count in self._faults.items()})


class CountRequests:
    """The layer; it belongs outside of the router and inside of whatever answers for a bug."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        except Exception:
            self._requests.note(scope, 500, time.perf_counter() - began)
            raise
        self._requests.note(scope, status, time.perf_counter() - began)
