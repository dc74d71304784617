"""The study's forum: threads in the order of time, a few at once, and in each the posts and who reads them."""

import asyncio
from collections.abc import Callable

from replay.people import Person
from replay.stories import CONSULTANT, Stories, Thread
from replay.views import Gap, plan

AT_ONCE = 8  # threads going on beside each other
REACTION_TO = {"listen": "thinking", "experiences": "recognise", "advice": "thanks"}

Key = Callable[[str], str]


def _nothing() -> None:
    """Nobody counts along."""


class Forum:
    """Plays the stories. `written` and `viewed` are called once for each post of a member and for each view."""

    def __init__(self, stories: Stories, consultant: Person, members: dict[str, Person], key: Key) -> None:
        self._stories = stories
        self._people = members | {CONSULTANT: consultant}
        self._key = key
        self._names = {member.name for member in stories.members if member.writes}
        self._ids: dict[str, asyncio.Future[str]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self.written: Callable[[], None] = _nothing
        self.viewed: Callable[[], None] = _nothing

    async def choose_names(self) -> None:
        """Whoever will write takes a forum name; whoever only reads needs none."""
        await asyncio.gather(*(self._people[name].take_forum_name(name) for name in sorted(self._names)))

    async def play(self, views: int) -> None:
        """All threads, with exactly so many views."""
        gaps = plan(self._stories.threads, self._stories.members, views)
        threads = list(zip(self._stories.threads, gaps, strict=True))
        async with asyncio.TaskGroup() as group:
            for thread, its_gaps in threads:
                group.create_task(self._when_there_is_room(thread, its_gaps))

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
        thread_id = ""
        for place, post in enumerate(thread.posts):
            writer = self._people[post.writer]
            if place == 0:
                body = {"title": thread.title, "wish": thread.wish, "body": post.body}
                opened = await writer.call(
                    "forum", "POST", "/threads", key=self._key(f"thread {post.number}"), json=body
                )
                thread_id, opening_id = opened["id"], opened["posts"][0]["id"]
                self._id(thread.title).set_result(thread_id)
            else:
                if not post.by_member:
                    await writer.call("forum", "GET", f"/threads/{thread_id}")
                key = self._key(f"post {post.number}")
                path = f"/threads/{thread_id}/posts"
                await writer.call("forum", "POST", path, key=key, json={"body": post.body})
            if post.by_member:
                self.written()
            await asyncio.gather(*(self._read(name, thread_id) for name in readers.get(place, ())))
        await self._react(thread, opening_id)

    async def _read(self, name: str, thread_id: str) -> None:
        """Open the thread, and say what was shown: the view."""
        reader = self._people[name]
        shown = await reader.call("forum", "GET", f"/threads/{thread_id}")
        ids = [post["id"] for post in shown["posts"]]
        await reader.call("forum", "PUT", f"/threads/{thread_id}/read-mark", json={"shown": ids})
        self.viewed()

    async def _react(self, thread: Thread, opening_id: str) -> None:
        """The last other member who wrote also leaves a word on the opening."""
        others = [p.writer for p in thread.posts if p.by_member and p.writer != thread.posts[0].writer]
        if others:
            path = f"/posts/{opening_id}/reactions/{REACTION_TO[thread.wish]}"
            await self._people[others[-1]].call("forum", "PUT", path)
