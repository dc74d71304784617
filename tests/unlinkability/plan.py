"""What happens in the scenario, drawn once from a fixed seed: the study's people, months and pace.

29 members over half a year: all read, 19 write, 24 answer a café now and then, 17 come to one. Nights are quiet, and
nobody does two things at once: what people do in the forum and what they do about cafés are visits of their own.
Two more write and answer as well, and leave in the fifth month.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Oslo")
MEMBERS, WRITERS, ANSWERERS, COMERS = 29, 19, 24, 17
WEEKS, CAFES = 26, 12
THREADS, REPLIES, READINGS, ANSWERS = 10, 50, 36, 40
APART = timedelta(minutes=20)
CAFE_AT = time(18)
LEAVERS = (MEMBERS, MEMBERS + 1)

Act = Literal["arrive", "thread", "reply", "read", "answer", "check-in", "cafe", "leave"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit: `who` does `act`; `what` is the number of a café, `luck` chooses among what is there."""

    at: datetime
    who: int
    act: Act
    what: int = 0
    luck: float = 0.0


class Plan:
    """All visits in order, from `first_day` to the evening before `today`."""

    def __init__(self, today: date, seed: int = 29) -> None:
        self.random = random.Random(seed)
        self.first_day = today - timedelta(weeks=WEEKS)
        self.cafe_days = [
            self.first_day + timedelta(days=14 + index * (WEEKS * 7 - 21) // (CAFES - 1))
            for index in range(CAFES)
        ]
        draw = self.random.sample
        everybody = range(MEMBERS)
        self.writers = draw(everybody, WRITERS)
        self.answerers = draw(everybody, ANSWERERS)
        self.comers = draw(self.answerers, COMERS)
        # Joined in the first months, forum and cafés each begun when somebody felt like it.
        self.joined = {member: self.random.randrange(WEEKS * 7 // 3) for member in everybody}
        self.visits = list(_apart(sorted(self._visits(), key=lambda visit: visit.at)))

    def community_of_cafe(self, cafe: int) -> int:
        """Six in each of the two."""
        return cafe % 2

    def _visits(self) -> Iterator[Visit]:
        luck = self.random.random
        for cafe, day in enumerate(self.cafe_days):
            yield Visit(self._at(day - timedelta(days=13)), -1, "cafe", cafe)
        for member in range(MEMBERS):
            yield Visit(self._some_day_of(member, 35), member, "arrive")
        for _ in range(THREADS):
            who = self.random.choice(self.writers)
            yield Visit(self._some_day_of(who), who, "thread", luck=luck())
        for _ in range(REPLIES):
            who = self.random.choice(self.writers)
            yield Visit(self._some_day_of(who), who, "reply", luck=luck())
        for _ in range(READINGS):
            who = self.random.randrange(MEMBERS)
            yield Visit(self._some_day_of(who), who, "read", luck=luck())
        yield from self._cafe_visits()
        yield from self._visits_of_leavers()

    def _visits_of_leavers(self) -> Iterator[Visit]:
        """They leave while a café that they answered is still to come."""
        acts: tuple[Act, ...] = ("arrive", "thread", "reply", "reply", "answer", "leave")
        for who in LEAVERS:
            cafe = CAFES - 4 + who % 2
            until_then = (self.cafe_days[cafe] - self.first_day).days
            for act, day in zip(acts, (40, 60, 80, 100, until_then - 5, until_then - 3), strict=True):
                at = self._at(self.first_day + timedelta(days=day + who % 2))
                yield Visit(at, who, act, cafe, self.random.random())

    def _cafe_visits(self) -> Iterator[Visit]:
        for number in range(ANSWERS):
            who = self.answerers[number] if number < ANSWERERS else self.random.choice(self.answerers)
            open_to = [
                cafe
                for cafe, day in enumerate(self.cafe_days)
                if self.community_of_cafe(cafe) == who % 2
                and day > self._first_day_of(who) + timedelta(days=1)
            ]
            cafe = self.random.choice(open_to)
            first = max(self.cafe_days[cafe] - timedelta(days=12), self._first_day_of(who))
            days = (self.cafe_days[cafe] - first).days
            yield Visit(
                self._at(first + timedelta(days=self.random.randrange(days))),
                who,
                "answer",
                cafe,
                self.random.random(),
            )
        for cafe, day in enumerate(self.cafe_days):
            coming = [
                who
                for who in self.comers
                if who % 2 == self.community_of_cafe(cafe) and self._first_day_of(who) < day
            ]
            door = datetime.combine(day, CAFE_AT, ZONE)
            for place, who in enumerate(
                self.random.sample(coming, min(len(coming), self.random.randint(3, 4)))
            ):
                yield Visit(door + timedelta(minutes=5 + 2 * place), who, "check-in", cafe)

    def _first_day_of(self, member: int) -> date:
        return self.first_day + timedelta(days=self.joined[member])

    def _some_day_of(self, member: int, within: int | None = None) -> datetime:
        last = WEEKS * 7 - 1 if within is None else min(self.joined[member] + within, WEEKS * 7 - 1)
        return self._at(self.first_day + timedelta(days=self.random.randint(self.joined[member], last)))

    def _at(self, day: date) -> datetime:
        """Some time between morning and evening."""
        return datetime.combine(day, time(8), ZONE) + timedelta(seconds=self.random.randrange(14 * 3600))


def _apart(visits: list[Visit]) -> Iterator[Visit]:
    """Nothing happens while something else is on its way; at a café people come in one after the other."""
    if visits:
        yield visits[0]
    last = visits[0].at
    for _, visit in pairwise(visits):
        least = timedelta(minutes=1) if visit.act == "check-in" else APART
        last = max(visit.at, last + least)
        yield Visit(last, visit.who, visit.act, visit.what, visit.luck)
