"""The study's cafés: planned for today, answered, held, counted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from replay.people import Person
from replay.stories import Cafe, Stories

SOON = timedelta(minutes=10)  # check-in opens an hour before the start and closes four hours after
ENOUGH = timedelta(minutes=4)  # of the day, for everything that happens on it


def _nothing() -> None:
    """Nobody counts along."""


async def until_enough_of_today(zone: str, say: Callable[[str], None]) -> date:
    """The date in `zone` once there are a few minutes left of it; at midnight that is a little later."""
    now = datetime.now(ZoneInfo(zone))
    if (now + ENOUGH).date() != now.date():
        say("It is almost midnight; waiting for the new day, so that all of it happens on one.")
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
        await asyncio.sleep((midnight - now).total_seconds() + 1)
    return datetime.now(ZoneInfo(zone)).date()


def start_today(now: datetime) -> datetime:
    """When a café of today starts (to the minute) whose guests arrive now: soon, or now when that is tomorrow."""
    soon = now + SOON
    return (soon if soon.date() == now.date() else now).replace(second=0, microsecond=0)


class Cafes:
    """Plays these of the stories' cafés. `held` is called once for each."""

    def __init__(
        self,
        stories: Stories,
        cafes: Sequence[Cafe],
        consultant: Person,
        members: dict[str, Person],
        communities: dict[str, str],
        key: Callable[[str], str],
    ) -> None:
        self._cafes = cafes
        self._consultant = consultant
        self._members = members
        self._communities = communities
        self._key = key
        self._places = {community.name: community for community in stories.communities}
        self._prompts = {thread.title: thread.posts[0].body for thread in stories.threads}
        self.held: Callable[[], None] = _nothing

    async def play(self, thread_called: Callable[[str], Awaitable[str]]) -> None:
        """All cafés; one with a prompt is planned when the prompt's thread is there."""
        async with asyncio.TaskGroup() as group:
            for number, cafe in enumerate(self._cafes):
                group.create_task(self._hold(number, cafe, thread_called))

    async def _hold(self, number: int, cafe: Cafe, thread_called: Callable[[str], Awaitable[str]]) -> None:
        path = f"/gatherings/{await self._plan(number, cafe, thread_called)}"
        await asyncio.gather(*(self._answer(path, name, said) for name, said in cafe.answers.items()))
        code = (await self._consultant.call("events", "GET", f"{path}/code"))["code"]
        await asyncio.gather(
            *(
                self._members[name].call("events", "POST", f"{path}/check-in", json={"code": code})
                for name in cafe.came
            )
        )
        count = {"members": len(cafe.came)}
        await self._consultant.call("events", "PUT", f"{path}/head-count", json=count)
        self.held()

    async def _plan(self, number: int, cafe: Cafe, thread_called: Callable[[str], Awaitable[str]]) -> str:
        community = self._places[cafe.community]
        linked = {}
        if cafe.prompt is not None:
            linked = {
                "prompt_thread": await thread_called(cafe.prompt),
                "prompt_text": self._prompts[cafe.prompt],
            }
        body = {
            "community_id": self._communities[cafe.community],
            "title": cafe.title,
            "starts": start_today(datetime.now(ZoneInfo(community.zone))).strftime("%Y-%m-%dT%H:%M"),
            "zone": community.zone,
            "met_by": cafe.met_by,
            **community.place,
            **linked,
        }
        planned = await self._consultant.call(
            "events", "POST", "/gatherings", key=self._key(f"café {number}"), json=body
        )
        return str(planned["ids"][0])

    async def _answer(self, path: str, name: str, said: tuple[str, ...]) -> None:
        """One after the other: an answer can be changed to the last minute."""
        for answer in said:
            await self._members[name].call("events", "PUT", f"{path}/answer", json={"answer": answer})
