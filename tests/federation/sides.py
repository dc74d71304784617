"""Who lives in each of two regions."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.federation import noticing
from tests.federation.agreeing import forum_database
from tests.federation.regions import Pair
from tests.journeys.test_the_whole_way import a_cafe
from tests.people import People, Person, a_name, eventually
from tests.region.running import RunningRegion

Json = dict[str, Any]
MIRRORED_SECONDS = 120  # until MirrorMaker has started on a loaded machine
WORDS = {"title": "Mornings", "wish": "listen", "body": "They are long."}


@dataclass
class Side:
    """One region's people.

    The host opens a thread and watches it, the guest answers everywhere and watches nothing, the leaver, another one
    each time, leaves. The café is the region's own.
    """

    name: str
    region: RunningRegion
    people: People
    community: str
    operator: Person
    consultant: Person
    host: Person
    guest: Person
    cafe: str
    leaver: Person = field(init=False)
    thread: Json = field(default_factory=dict)  # the host's
    farewell: Json = field(default_factory=dict)  # the leaver's
    posts: dict[str, str] = field(default_factory=dict)  # id by what it is called here
    noticed: Counter[tuple[str, str]] = field(default_factory=Counter)  # before the link was cut

    async def invites(self, like: str) -> Person:
        """Somebody new, with a forum name like this."""
        return await self.consultant.invites("member", [self.community], forum_name=a_name(like))

    async def reads(self, thread: Json, who: Person | None = None) -> Json:
        """The thread's page."""
        page: Json = await (who or self.consultant).reads("forum", f"/threads/{thread['id']}")
        return page

    async def writes(self, called: str, who: Person, thread: Json, body: str = "I know that.") -> str:
        """A reply; returns its id."""
        post = await who.makes("forum", f"/threads/{thread['id']}/posts", {"body": body})
        self.posts[called] = post["id"]
        return str(post["id"])

    async def answers(self, called: str, thread: Json, body: str) -> str:
        """The guest replies, and stops watching."""
        post = await self.writes(called, self.guest, thread, body)
        await self.guest.deletes("forum", f"/threads/{thread['id']}/watching")
        return post

    async def sees(self, *posts: str) -> None:
        """Wait until these have come."""
        wanted = {*posts}
        await eventually(self.known, lambda known: wanted <= known, seconds=MIRRORED_SECONDS)

    async def finds(self, *threads: Json) -> None:
        """Wait until these can be read."""
        for thread in threads:
            await eventually(
                partial(self.consultant.asks, "GET", "forum", f"/threads/{thread['id']}"),
                lambda answer: answer.status_code == 200,
                seconds=MIRRORED_SECONDS,
            )

    async def known(self) -> set[str]:
        """All posts that are here, were counted, and told of."""
        async with forum_database(self.region) as connection:
            rows = await connection.fetch("SELECT id::text FROM posts WHERE announced_at IS NOT NULL")
            return {row[0] for row in rows}

    async def hides(self, post: str, reason: str) -> None:
        """By its peer consultant."""
        await self.consultant.makes("forum", f"/posts/{post}/hides", {"reason": reason})

    async def lifts(self, post: str) -> None:
        """By its peer consultant."""
        await self.consultant.deletes("forum", f"/posts/{post}/hides")

    async def hidden(self, post: str) -> bool:
        """For members."""
        return bool((await self.host.reads("forum", f"/posts/{post}"))["hidden"])

    async def news(self) -> list[Json]:
        """What the host finds of their thread under "for you"."""
        items: list[Json] = (await self.host.reads("forum", "/for-you"))["items"]
        return [item for item in items if item["thread_id"] == self.thread["id"]]

    async def told(self, who: Person, **wanted: int) -> None:
        """Wait until that many notices of each category were asked for them since the link was cut."""
        await eventually(lambda: self.notices(who), lambda told: told == Counter(wanted))

    async def notices(self, who: Person) -> Counter[str]:
        """How many of each category were asked for them since the link was cut."""
        alias = await alias_of(who, "forum")
        asked = await noticing.noticed(self.region) - self.noticed
        return Counter({category: count for (of, category), count in asked.items() if of == alias})


async def alias_of(person: Person, audience: str) -> str:
    """Under which a service knows them: what their token says."""
    said = (await person.token(audience)).split(".")[1]
    return str(json.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))["sub"])


@asynccontextmanager
async def two_sides(pair: Pair) -> AsyncIterator[tuple[Side, Side]]:
    """North's people and south's."""
    async with AsyncExitStack() as ends:
        peoples = [await ends.enter_async_context(People(region)) for region in pair.regions.values()]
        for region in pair.regions.values():
            await noticing.listen(region)
        north, south = await asyncio.gather(*map(_side, pair.regions, peoples))
        yield north, south


async def both(sides: tuple[Side, Side], do: Callable[[Side, Side], Awaitable[Any]]) -> None:
    """`do` from each side, towards the other, at the same time."""
    here, there = sides
    await asyncio.gather(do(here, there), do(there, here))


async def begin(sides: tuple[Side, Side]) -> None:
    """New threads in which everybody has written, everywhere: each host's and each leaver's."""

    async def open_threads(here: Side, _there: Side) -> None:
        here.posts = {}
        here.leaver = await here.invites("Willow")
        here.thread = await here.host.makes("forum", "/threads", WORDS)
        here.farewell = await here.leaver.makes("forum", "/threads", WORDS | {"title": "Farewell"})
        await here.finds(here.thread)
        await here.answers("at home", here.thread, "Mine are, too.")

    async def answer(here: Side, there: Side) -> None:
        await here.sees(there.thread["posts"][0]["id"], there.farewell["posts"][0]["id"])
        await here.finds(there.thread, there.farewell)
        await here.answers("elsewhere", there.thread, "Here they are dark.")
        await here.answers("to the leaver", there.farewell, "Take care.")
        await here.writes("by the leaver", here.leaver, there.thread, "I say little.")

    async def hear_all(here: Side, there: Side) -> None:
        await here.sees(*here.posts.values(), *there.posts.values())
        here.noticed = await noticing.noticed(here.region)

    for act in (open_threads, answer, hear_all):
        await both(sides, act)


async def _side(name: str, people: People) -> Side:
    operator = await people.operator()
    community = await people.community(operator)
    consultant = await operator.invites("consultant", [community], name=a_name("Kari"))
    host, guest = [
        await consultant.invites("member", [community], forum_name=a_name(like))
        for like in ("Heather", "Juniper")
    ]
    [cafe] = (await consultant.makes("events", "/gatherings", a_cafe(community)))["ids"]
    await host.puts("events", f"/gatherings/{cafe}/answer", {"answer": "come"})
    return Side(name, people.region, people, community, operator, consultant, host, guest, cafe)
