"""Threads with their replies from a file, loaded through the public API by forty invited members.

Each line is `{"id", "title", "body", "answers": [{"body", …}]}`; what else it says (topics, votes) is not carried over.
Texts go in as they stand, HTML entities and all. What the forum can't hold is shortened at a word, with an ellipsis: a
title over 120 letters, a text over 16 KB. Characters that can't be seen are left out; an empty answer isn't loaded.
"""

import asyncio
import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

from rich.progress import Progress

from replay import report
from replay.forum import NeverCame, has_come
from replay.gateway import Gateway, GoneAway, Refused
from replay.people import Person, read_texts

MEMBERS = 40
COMMUNITY = ("Reading room", "Everywhere and nowhere")
WISH = "advice"
TITLE_LETTERS = 120
BODY_BYTES = 16 * 1024
AT_ONCE = 24  # threads being loaded beside each other
KEPT_CONTROLS = "\n\t"
NAMES = (
    "Alder", "Apple", "Ash", "Aster", "Barley", "Beech", "Birch", "Bramble", "Briar", "Camomile", "Cedar", "Chestnut",
    "Clover", "Cornflower", "Cowslip", "Daisy", "Elder", "Fennel", "Fern", "Foxglove", "Gorse", "Hawthorn", "Hazel",
    "Heather", "Honeysuckle", "Hornbeam", "Larch", "Lavender", "Lichen", "Lime", "Linden", "Mallow", "Maple", "Meadow",
    "Poppy", "Primrose", "Rowan", "Rye", "Sorrel", "Thistle",
)  # fmt: skip


class NotReadable(ValueError):
    """The file isn't one of threads; says which line."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One thread of the file, as the forum can hold it."""

    title: str
    body: str
    replies: tuple[str, ...]


def read(file: Path) -> list[Loaded]:
    """All threads of a file, in order. Raises NotReadable, OSError."""
    threads = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            body = shortened(said["body"])
            title = short_title(said["title"] or said["body"])
            replies = [shortened(answer["body"]) for answer in said["answers"]]
        except (ValueError, KeyError, TypeError):
            raise NotReadable(f"Line {number} of {file.name} isn't a thread with its answers.") from None
        threads.append(Loaded(title, body or title, tuple(reply for reply in replies if reply)))
    return threads


def shortened(text: str) -> str:
    """A body within 16 KB, cut at a word where it is longer."""
    seen = _seen(text)
    if len(seen.encode()) <= BODY_BYTES:
        return seen
    cut = seen.encode()[: BODY_BYTES - len("…".encode())].decode(errors="ignore")
    return cut[: max(cut.rfind(" "), cut.rfind("\n"), 1)].rstrip() + "…"


def short_title(text: str) -> str:
    """A title within 120 letters and on one line, cut at a word where it is longer."""
    line = " ".join(_seen(text).split())
    if len(line) <= TITLE_LETTERS:
        return line
    cut = line[: TITLE_LETTERS - 1]
    return cut[: max(cut.rfind(" "), 1)].rstrip() + "…"


def _seen(text: str) -> str:
    """Without control, format and unassigned characters, which the forum refuses."""
    kept = (c for c in text if c in KEPT_CONTROLS or not unicodedata.category(c).startswith("C"))
    return "".join(kept).strip()


class Loading:
    """Loads threads as some members, who take turns."""

    def __init__(self, threads: Sequence[Loaded], people: Sequence[Person], bars: Progress) -> None:
        self._threads = threads
        self._people = people
        self._run = uuid5(NAMESPACE_URL, uuid4().hex)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._opened = report.bar(bars, "Threads", len(threads))
        self._replied = report.bar(bars, "Replies", sum(len(thread.replies) for thread in threads))

    async def load(self) -> None:
        """Everything; replies of a thread in their order."""
        turns = self._turns()
        async with asyncio.TaskGroup() as group:
            for number, thread in enumerate(self._threads):
                repliers = [next(turns) for _ in thread.replies]
                group.create_task(self._one(number, thread, repliers))

    def _turns(self) -> Iterator[Person]:
        return (self._people[place % len(self._people)] for place in count())

    async def _one(self, number: int, thread: Loaded, repliers: Sequence[Person]) -> None:
        async with self._room:
            body = {"title": thread.title, "wish": WISH, "body": thread.body}
            opener = self._people[number % len(self._people)]
            opened = await opener.call("forum", "POST", "/threads", key=self._key(number), json=body)
            self._opened()
            # Where there are neighbours a thread stands for others a little later.
            for other in [one for one in repliers if one is not opener][:1]:
                await has_come(other, f"/threads/{opened['id']}")
            for place, (replier, reply) in enumerate(zip(repliers, thread.replies, strict=True)):
                path = f"/threads/{opened['id']}/posts"
                await replier.call("forum", "POST", path, key=self._key(number, place), json={"body": reply})
                self._replied()

    def _key(self, *place: int) -> str:
        return str(uuid5(self._run, ".".join(map(str, place))))


async def load(url: str, invitation: str, threads: Sequence[Loaded], members: int = MEMBERS) -> None:
    """Make a community, let so many members (at most forty) join it, and load. Raises Refused, GoneAway."""
    run_id = uuid4()

    def key(act: str) -> str:
        return str(uuid5(run_id, act))

    with report.progress() as bars:
        async with Gateway(url, bars.console.print) as gateway:
            joined = report.bar(bars, "Joining", members)
            texts = await read_texts(gateway)
            operator = await Person.join(gateway, texts, invitation)
            community = await operator.make_community(*COMMUNITY, key)
            codes = await operator.invite("member", [community], members, key("invite"))

            async def join(code: str, name: str) -> Person:
                person = await Person.join(gateway, texts, code)
                await person.take_forum_name(name)
                joined()
                return person

            people = await asyncio.gather(*map(join, codes, NAMES))
            await Loading(threads, people, bars).load()


def run(file: Path, gateway: str, invitation: str) -> int:
    """Load a file and say how much it was; the exit status. `invitation` is an operator's."""
    status = 0
    try:
        threads = read(file)
        asyncio.run(load(gateway, invitation, threads))
        replies = sum(len(thread.replies) for thread in threads)
        sys.stdout.write(f"{len(threads)} threads and {replies:,} replies are in the forum.\n")
    except* (NotReadable, Refused, GoneAway, NeverCame, OSError) as errors:
        sys.stderr.write(f"{report.first_of(errors)}\n")
        status = 1
    return status
