"""The study's forum: threads in the order of time, a few at once, and in each the posts and who reads them."""

import asyncio
import time
from collections.abc import Callable, Sequence

import httpx

from replay.gateway import Refused
from replay.people import Person
from replay.stories import Stories, Thread
from replay.views import Gap, plan

AT_ONCE = 8  # threads going on beside each other
REACTION_TO = {"listen": "thinking", "experiences": "recognise", "advice": "thanks"}

LONGEST_WAY = 600.0  # seconds in which a post must have come to another region
LOOK_EVERY = 0.4  # for threads beside each other that is a little under what an account may read

Key = Callable[[str], str]


def _nothing() -> None:
    """Nobody counts along."""


class NeverCame(RuntimeError):
    """What was written in one region didn't come to another in time."""


class Forum:
    """Plays the stories. `written` and `viewed` are called once for each post of a member and for each view.

    `consultants` are the peer consultant's accounts, one in each region that shares the forum; she answers members with the one
    in their region. A post is read and answered when others can see it, in all regions.
    """

    def __init__(
        self, stories: Stories, consultants: Sequence[Person], members: dict[str, Person], key: Key
    ) -> None:
        self._stories = stories
        self._members = members
        self._consultants = consultants
        self._key = key
        self._names = {member.name for member in stories.members if member.writes}
        self._ids: dict[str, asyncio.Future[str]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self.written: Callable[[], None] = _nothing
        self.viewed: Callable[[], None] = _nothing

    async def choose_names(self) -> None:
        """Whoever will write takes a forum name; whoever only reads needs none."""
        await asyncio.gather(*(self._members[name].take_forum_name(name) for name in sorted(self._names)))

    async def play(self, views: int) -> None:
        """All threads, with exactly so many views."""
        gaps = plan(self._stories.threads, self._stories.members, views)
        threads = list(zip(self._stories.threads, gaps, strict=True))
        async with asyncio.TaskGroup() as group:
            for thread, its_gaps in threads:
                group.create_task(self._when_there_is_room(thread, its_gaps))

    async def threads(self) -> list[str]:
        """The ids of all threads, in the order of time."""
        return [await self._id(thread.title) for thread in self._stories.threads]

    async def thread_called(self, title: str) -> str:
        """The id of the thread with that title, once it is open."""
        return await self._id(title)

    def _id(self, title: str) -> asyncio.Future[str]:
        return self._ids.setdefault(title, asyncio.get_running_loop().create_future())

    async def _when_there_is_room(self, thread: Thread, gaps: list[Gap]) -> None:
        async with self._room:
            await self._tell(thread, {gap.after: gap.readers for gap in gaps})

    async def _tell(self, thread: Thread, readers: dict[int, tuple[str, ...]]) -> None:
        """One thread from its opening on: each post, then those who read it before the next one is written."""
        thread_id = opening_id = ""
        for place, post in enumerate(thread.posts):
            writer = self._members.get(post.writer) or self._consultant_of(thread)
            if place == 0:
                body = {"title": thread.title, "wish": thread.wish, "body": post.body}
                opened = await writer.call(
                    "forum", "POST", "/threads", key=self._key(f"thread {post.number}"), json=body
                )
                thread_id, opening_id = opened["id"], opened["posts"][0]["id"]
                await self._has_come_everywhere(f"/threads/{thread_id}", f"/posts/{opening_id}")
                self._id(thread.title).set_result(thread_id)
            else:
                if not post.by_member:
                    await writer.call("forum", "GET", f"/threads/{thread_id}")
                key = self._key(f"post {post.number}")
                path = f"/threads/{thread_id}/posts"
                written = await writer.call("forum", "POST", path, key=key, json={"body": post.body})
                await self._has_come_everywhere(f"/posts/{written['id']}")
            if post.by_member:
                self.written()
            await asyncio.gather(*(self._read(name, thread_id) for name in readers.get(place, ())))
        await self._react(thread, opening_id)

    def _consultant_of(self, thread: Thread) -> Person:
        opener = self._members.get(thread.posts[0].writer)
        here = [one for one in self._consultants if opener is None or one.gateway is opener.gateway]
        return here[0]

    async def _has_come_everywhere(self, *paths: str) -> None:
        """Wait until what was written can be read in all regions: where there are neighbours that takes a little while
        also where it was written. Raises NeverCame.
        """
        await asyncio.gather(*(has_come(one, path) for one in self._consultants for path in paths))

    async def _read(self, name: str, thread_id: str) -> None:
        """Open the thread, and say what was shown: the view."""
        reader = self._members[name]
        shown = await reader.call("forum", "GET", f"/threads/{thread_id}")
        ids = [post["id"] for post in shown["posts"]]
        await reader.call("forum", "PUT", f"/threads/{thread_id}/read-mark", json={"shown": ids})
        self.viewed()

    async def _react(self, thread: Thread, opening_id: str) -> None:
        """The last other member who wrote also leaves a word on the opening."""
        others = [p.writer for p in thread.posts if p.by_member and p.writer != thread.posts[0].writer]
        if others:
            path = f"/posts/{opening_id}/reactions/{REACTION_TO[thread.wish]}"
            await self._members[others[-1]].call("forum", "PUT", path)


async def has_come(reader: Person, path: str) -> None:
    """Wait until somebody else than its writer can read this of the forum. Raises NeverCame, Refused."""
    deadline = time.monotonic() + LONGEST_WAY
    while (answer := await reader.answer("forum", "GET", path)).status_code == httpx.codes.NOT_FOUND:
        if time.monotonic() > deadline:
            raise NeverCame("A post didn't come to all regions; look at `peercafe federation status`.")
        await asyncio.sleep(LOOK_EVERY)
    if answer.is_error:
        raise Refused(answer)
