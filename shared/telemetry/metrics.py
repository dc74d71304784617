"""What a service tells in numbers, looked at in steps of its own, never when somebody asks (decision 9).

So how often anybody scrapes says nothing more, and what follows members' acts leaves once a day in tens.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import date

import psutil
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared import clock
from shared.telemetry.catalogue import PROCESS_CPU, PROCESS_START
from shared.telemetry.families import Family, counter, gauge
from shared.telemetry.requests import Requests

CONTENT_TYPE = CONTENT_TYPE_LATEST
CPU_STEP = 10

Acts = Callable[[bool], Iterable[Family]]  # exact, or a day's tens, the day being over?
States = Callable[[], Awaitable[Iterable[Family]]]


class Metrics:
    """One service's numbers. `exact`: acts are told at each look and to the unit, as only the forum may.

    `acts` and `states` are asked at each look; a state must not tell of single acts.
    """

    def __init__(self, *, exact: bool = False) -> None:
        self.requests = Requests()
        self.acts: list[Acts] = [lambda exact: self.requests.acts(exact=exact)]
        self.states: list[States] = [self._faults, _process]
        self.exact = exact
        self._day: date = clock.today()
        self._told_acts: list[Family] = []
        self._told: list[Family] = []

    async def look(self) -> None:
        """Take the numbers that are told until the next look; those of acts only when a new day has begun."""
        today = clock.today()
        if self.exact or today > self._day:
            self._told_acts = [family for read in self.acts for family in read(self.exact)]
            self._day = today
        states = [family for read in self.states for family in await read()]
        self._told = [*self._told_acts, *states]

    def collect(self) -> Iterable[Family]:
        """For prometheus-client, which takes this for a registry."""
        return self._told

    def text(self) -> bytes:
        """What a scrape is answered with."""
        return generate_latest(self)

    async def _faults(self) -> Iterable[Family]:
        return [self.requests.faults()]


async def _process() -> Iterable[Family]:
    return [
        gauge(PROCESS_START, psutil.Process().create_time()),
        counter(PROCESS_CPU, time.process_time() // CPU_STEP * CPU_STEP),
    ]
