"""What happens in the scenario, drawn once from a fixed seed: the study's people, months and pace.

29 members over half a year: all read, each about every three weeks, 19 write, 24 answer a café now and then, 17 come to
one. Of every two who answer or check in, one is in the forum too in the same sitting, seconds to ten minutes before or
after, and who reads looks into For you, where the cafés are. Nights are quiet, and no two sittings overlap but at a café's
door. Two more write and answer as well, and leave in the fifth month.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Oslo")
MEMBERS, WRITERS, ANSWERERS, COMERS = 29, 19, 24, 17
WEEKS, CAFES = 26, 12
THREADS, REPLIES, READINGS, ANSWERS = 10, 50, 200, 40
BOTH = 0.5  # of answers and check-ins: so many have an act in the forum in the same sitting
REPLIES_OF_BOTH = 0.3  # of those acts in the forum; the others read
WITHIN = 600  # seconds between the two
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


Sitting = tuple[Visit, ...]  # one person's, in order


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
        self.visits = sorted(
            (visit for sitting in _apart(sorted(self._sittings(), key=_begins)) for visit in sitting), key=_at
        )

    def community_of_cafe(self, cafe: int) -> int:
        """Six in each of the two."""
        return cafe % 2

    def _sittings(self) -> Iterator[Sitting]:
        for visit in self._visits():
            if visit.act in ("answer", "check-in") and self.random.random() < BOTH:
                yield self._with_the_forum(visit)
            else:
                yield (visit,)

    def _with_the_forum(self, visit: Visit) -> Sitting:
        """Before or after answering; after coming in. The forum's act tells its clock time there, as ever."""
        act: Act = "reply" if visit.who in self.writers and self.random.random() < REPLIES_OF_BOTH else "read"
        before = visit.act == "answer" and self.random.random() < 0.5
        apart = timedelta(seconds=self.random.randint(20, WITHIN))
        there = Visit(
            visit.at - apart if before else visit.at + apart, visit.who, act, luck=self.random.random()
        )
        return (there, visit) if before else (visit, there)

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


def _begins(sitting: Sitting) -> datetime:
    return sitting[0].at


def _at(visit: Visit) -> datetime:
    return visit.at


def _apart(sittings: list[Sitting]) -> Iterator[Sitting]:
    """Nobody begins while another sitting is on its way; at a café people come in one after the other."""
    ended = None
    for sitting in sittings:
        at_the_door = sitting[0].act == "check-in"
        begins = _begins(sitting)
        if ended is not None:
            begins = max(begins, ended + (timedelta(minutes=1) if at_the_door else APART))
        later = begins - _begins(sitting)
        yield tuple(replace(visit, at=visit.at + later) for visit in sitting)
        # Who came in reads on while the next come in.
        ended = begins if at_the_door else sitting[-1].at + later
