"""The ReConnect study, played through the public API at a region's gateway, and its figures.

Everything it does bears a key made from the run, so that after an interruption of the region it goes on where it was and
ends with the same figures. What it prints comes from the region's analytics and from nowhere else.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid4, uuid5

from rich.progress import Progress

from replay import report
from replay.cafes import Cafes, until_enough_of_today
from replay.forum import Forum, NeverCame
from replay.gateway import Gateway, GoneAway, Refused
from replay.people import Person, read_texts
from replay.stories import Stories
from replay.views import plan

VIEWS = 1870  # Strand, Eng, Gammon 2020
LONGEST_WAIT = 3 * 3600.0  # seconds; where engagement is released hourly, a closing takes two releases
LOOK_EVERY = 1.0


class Late(RuntimeError):
    """The figures didn't arrive, or weren't published, in time."""


class StudyReplay:
    """One run in one region: `gather`, `open`, `play`, `finish`.

    `places` are the communities that are this region's; None: all of the study's.
    """

    def __init__(
        self,
        gateway: Gateway,
        invitation: str,
        stories: Stories,
        bars: Progress,
        places: Collection[str] | None = None,
    ) -> None:
        self._gateway = gateway
        self._invitation = invitation
        self._stories = stories
        self._bars = bars
        self._places = [c for c in stories.communities if places is None or c.name in places]
        here = {community.name for community in self._places}
        self._belong = [member for member in stories.members if member.community in here]
        self._cafes = [cafe for cafe in stories.cafes if cafe.community in here]
        self._run = uuid5(NAMESPACE_URL, uuid4().hex)
        self.members: dict[str, Person] = {}
        self.communities: dict[str, str] = {}
        self.study = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def key(self, act: str) -> str:
        """The idempotency key of one act of this run."""
        return str(uuid5(self._run, act))

    def figures(self) -> dict[str, Any]:
        """What the region's analytics must come to when all of this has arrived."""
        names = {member.name for member in self._belong}
        posts = [post for thread in self._stories.threads for post in thread.posts if post.writer in names]
        gaps = plan(self._stories.threads, self._stories.members, VIEWS)
        views = [name for its in gaps for gap in its for name in gap.readers if name in names]
        cafes = self._cafes
        return {
            "members": len(names),
            "posts": len(posts),
            "views": len(views),
            "members_who_viewed": len(set(views)),
            "members_who_wrote": len({post.writer for post in posts}),
            "cafes": len(cafes),
            "cafes_by_community": [
                sum(cafe.community == community.name for cafe in cafes) for community in self._places
            ],
            "members_who_came": len({name for cafe in cafes for name in cafe.came}),
            "smallest_cafe": min(len(cafe.came) for cafe in cafes),
            "largest_cafe": max(len(cafe.came) for cafe in cafes),
        }

    async def gather(self) -> None:
        """Communities, invitations, and everybody joins."""
        await self.gather_staff(self._stories.consultant_names)
        await self.gather_members()

    async def gather_staff(self, names: tuple[str, ...], same_as: str | None = None) -> None:
        """An operator, the communities, an analyst, and the peer consultant under the first free one of `names`.

        `same_as`: the forum profile that she has in another region.
        """
        texts = await read_texts(self._gateway)
        self._joined = joined = self._bar("Joining", len(self._belong) + 3)
        self._operator = await Person.join(self._gateway, texts, self._invitation)
        for community in self._places:
            self.communities[community.name] = await self._operator.make_community(
                community.name, community.area, self.key
            )
        joined()

        everywhere = list(self.communities.values())
        [for_consultant] = await self._operator.invite(
            "consultant", everywhere, 1, self.key("invite consultant"), same_as=same_as
        )
        [for_analyst] = await self._operator.invite("analyst", [], 1, self.key("invite analyst"))
        self.consultant, self._analyst = await asyncio.gather(
            Person.join(self._gateway, texts, for_consultant, display_names=names),
            Person.join(self._gateway, texts, for_analyst),
        )
        joined()
        joined()

    async def gather_members(self) -> None:
        """The consultant invites them, and they join."""
        texts = await read_texts(self._gateway)

        async def join(invitation: str, language: str) -> Person:
            person = await Person.join(self._gateway, texts, invitation, language=language, research=True)
            self._joined()
            return person

        for name, place in self.communities.items():
            of_it = [member for member in self._belong if member.community == name]
            codes = await self.consultant.invite("member", [place], len(of_it), self.key(f"invite {name}"))
            people = await asyncio.gather(
                *(join(code, m.language) for m, code in zip(of_it, codes, strict=True))
            )
            self.members |= {m.name: person for m, person in zip(of_it, people, strict=True)}

    async def open(self) -> None:
        """The analyst proposes, the operator approves; acts count from then on."""
        zone = self._places[0].zone
        today = await until_enough_of_today(zone, self._say)
        body = {
            "title": "A forum and cafés in two communities",
            "communities": list(self.communities.values()),
            "sources": ["membership", "forum", "events"],
            "ends_on": today.isoformat(),
        }
        proposed = await self._analyst.call("analytics", "POST", "/studies", key=self.key("study"), json=body)
        self.study = proposed["id"]
        await self._operator.call("analytics", "POST", f"/studies/{self.study}/approval")
        await self._until(self._is_open, "The study wasn't opened.")

    async def play(self) -> None:
        """Everything that members and the consultant write, read and attend."""
        forum = Forum(self._stories, [self.consultant], self.members, self.key)
        await play_forum(forum, self._stories, self._bars, self.hold_cafes)

    async def hold_cafes(self, thread_called: Callable[[str], Awaitable[str]]) -> None:
        """This region's cafés."""
        cafes = Cafes(self._stories, self._cafes, self.consultant, self.members, self.communities, self.key)
        cafes.held = self._bar("Cafés", len(self._cafes))
        await cafes.play(thread_called)

    async def finish(self, expected: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Wait for all figures, close the study, wait for what is published: (research, published). Raises Late."""
        wanted = expected or self.figures()
        waiting = self._bar("Figures", 3)
        await self._until(lambda: self._has_arrived(wanted), "The figures didn't arrive.")
        waiting()
        await self._operator.call("analytics", "POST", f"/studies/{self.study}/closing")
        waiting()
        await self._until(self._is_published, "The figures weren't published.")
        waiting()
        published = (await self._gateway.send("GET", f"/api/analytics/studies/{self.study}/published")).json()
        return await self.research(), published

    async def research(self) -> dict[str, Any]:
        """The exact figures so far, as the analyst reads them."""
        found: dict[str, Any] = await self._analyst.call(
            "analytics", "GET", f"/studies/{self.study}/research"
        )
        return found

    async def _is_open(self) -> bool:
        shown = await self._analyst.call("analytics", "GET", f"/studies/{self.study}")
        return bool(shown["status"] == "open")

    async def _has_arrived(self, wanted: dict[str, Any]) -> bool:
        found = await self.research()
        return all(found[name] == value for name, value in wanted.items())

    async def _is_published(self) -> bool:
        answer = await self._gateway.send("GET", f"/api/analytics/studies/{self.study}/published")
        return bool(answer.is_success)

    async def _until(self, so: Callable[[], Any], otherwise: str) -> None:
        deadline = time.monotonic() + LONGEST_WAIT
        while not await so():
            if time.monotonic() > deadline:
                raise Late(otherwise)
            await asyncio.sleep(LOOK_EVERY)

    def _bar(self, words: str, total: int) -> Callable[[], None]:
        return report.bar(self._bars, words, total)

    def _say(self, words: str) -> None:
        self._bars.console.print(words)


async def play_forum(
    forum: Forum,
    stories: Stories,
    bars: Progress,
    *beside: Callable[[Callable[[str], Awaitable[str]]], Awaitable[None]],
) -> None:
    """All threads of the stories, and `beside` them what needs a thread's id by its title."""
    posts = sum(post.by_member for thread in stories.threads for post in thread.posts)
    forum.written, forum.viewed = report.bar(bars, "Posts", posts), report.bar(bars, "Views", VIEWS)
    await forum.choose_names()
    await asyncio.gather(forum.play(VIEWS), *(one(forum.thread_called) for one in beside))


async def replay(url: str, invitation: str, stories: Stories) -> tuple[dict[str, Any], dict[str, Any]]:
    """Play the whole study at a gateway: its figures at both levels. Raises Refused, GoneAway, Late."""
    with report.progress() as bars:
        async with (
            Gateway(url, bars.console.print) as gateway,
            StudyReplay(gateway, invitation, stories, bars) as run_,
        ):
            await run_.gather()
            await run_.open()
            await run_.play()
            return await run_.finish()


def run(gateway: str, invitation: str, *, as_json: bool = False) -> int:
    """Play the study and print its figures; the exit status. `invitation` is an operator's."""
    status = 0
    try:
        research, published = asyncio.run(replay(gateway, invitation, Stories()))
        (report.print_json if as_json else report.print_table)(research, published)
    except* (Refused, GoneAway, Late, NeverCame) as errors:
        sys.stderr.write(f"{report.first_of(errors)}\n")
        status = 1
    return status
