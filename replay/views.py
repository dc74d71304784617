"""Who opens which thread when, so that the study's views come to an exact number.

A view is an opening of a thread in which a member's post by somebody else is new to the reader. So in every gap after a
member's post, each other member can make one view, and a second one only after the next post. Writers read before they
reply; the rest is dealt out by a fixed shuffle, more of it to those who only read, and to those who read for weeks
before they write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from replay.stories import Member, Thread

READER = 3.0  # how much likelier than a writer a reader opens a thread
NOT_YET_WRITING = 4.0  # so does who will write later on


class TooFewPosts(ValueError):
    """So many views can't come about in these threads."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Who opens the thread after its post number `after` (from 0), all before the next post is written."""

    after: int
    readers: tuple[str, ...]


def plan(threads: Sequence[Thread], members: Sequence[Member], views: int) -> list[list[Gap]]:
    """For each thread its gaps in order, `views` openings in all. Raises TooFewPosts."""
    due = [[set(before) for before in _before_replies(thread)] for thread in threads]
    left = views - sum(len(readers) for gaps in due for readers in gaps)
    first = {m.name: _first_thread(threads, m.name) for m in members}
    chances: list[tuple[float, int, int, str]] = []
    shuffle = Random(29)
    for t, thread in enumerate(threads):
        for after, post in enumerate(thread.posts):
            if not post.by_member:
                continue
            for member in members:
                if member.name == post.writer or member.name in due[t][after]:
                    continue
                weight = (
                    READER if not member.writes else NOT_YET_WRITING if t < first[member.name] - 3 else 1.0
                )
                # Efraimidis and Spirakis 2006: weighted sampling without replacement
                chances.append((shuffle.random() ** (1 / weight), t, after, member.name))
    if left < 0 or left > len(chances):
        raise TooFewPosts(f"{views} views can't come about in these threads")
    for _chance, t, after, name in sorted(chances, reverse=True)[:left]:
        due[t][after].add(name)
    return [
        [Gap(after, tuple(sorted(readers))) for after, readers in enumerate(gaps) if readers] for gaps in due
    ]


def _before_replies(thread: Thread) -> list[set[str]]:
    """In each gap, the member who writes next, if somebody else's post is new to them since they last looked.

    A gap after the consultant's post makes no view by itself, so the look is moved to the last member's post before it.
    """
    gaps: list[set[str]] = [set() for _ in thread.posts]
    looked: dict[str, int] = {}
    for place, post in enumerate(thread.posts[1:], start=1):
        if not post.by_member:
            continue
        before = [
            i
            for i, earlier in enumerate(thread.posts[:place])
            if earlier.by_member and earlier.writer != post.writer and i > looked.get(post.writer, -1)
        ]
        if before:
            gaps[before[-1]].add(post.writer)
            looked[post.writer] = before[-1]
    return gaps


def _first_thread(threads: Sequence[Thread], name: str) -> int:
    return next(
        (t for t, thread in enumerate(threads) if any(post.writer == name for post in thread.posts)), 0
    )
