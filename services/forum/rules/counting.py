"""A thread's numbers, as a function of the posts that are here, and of who opened it once its own record is here."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from shared.contracts.payloads.forum import PostPublished
from shared.contracts.payloads.payload import COUNTER_BITS


class Numbers(NamedTuple):
    """What a list shows of a thread. `last_written` is a version: where its newest post stands."""

    replies: int
    last_written: int
    answered: bool


def written(post: PostPublished) -> int:
    """Where a post stands in its thread. A record from before `written` was told stands where its id says."""
    return post.written if post.written is not None else post.id.int >> 80 << COUNTER_BITS


def opens(post: PostPublished, writer: UUID | None) -> bool:
    """Whether a post opens its thread, by `writer` (None: not here yet). By anybody else it is a reply, whatever it says."""
    return post.opening and writer in (None, post.author_id)


def numbers(posts: Iterable[PostPublished], writer: UUID | None = None) -> Numbers:
    """Of one thread's posts, at least one. Answered: somebody else than who opened it has a reply that stands.

    An opening counts as its writer's also when it is erased.
    """
    here = list(posts)
    openings = [post for post in here if opens(post, writer)]
    replies = [post for post in here if not opens(post, writer) and not post.erased]
    writers = {post.author_id for post in (*openings, *replies)}
    return Numbers(len(replies), max(written(post) for post in here), len(writers) > 1)
