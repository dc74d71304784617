"""Changing one's own posts."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import PostNotFound, PostTooLong
from services.forum.ids import Home
from services.forum.models import Member, Post, Thread
from services.forum.rules.lengths import too_long
from services.forum.use_cases.writers import profile_of, require_writing
from shared.contracts.topics import POSTS, THREADS
from shared.outbox import add as outbox


async def edit_post(session: AsyncSession, home: Home, alias: UUID, post_id: UUID, body: str) -> None:
    """Replaces the text for good; no earlier version is kept. Visibility doesn't change.

    Raises AccountClosed, WritingPaused, ProfileNeeded, PostNotFound (somebody else's, too), PostRemoved,
    PostTooLong.
    """
    if too_long(body):
        raise PostTooLong()
    await require_writing(session, alias)
    post = await _own_post(session, alias, post_id)
    before = post.version
    post.edit(body, home)
    if post.version != before:
        await outbox.add(session, POSTS, post.id, post.record())


async def remove_post(session: AsyncSession, home: Home, alias: UUID, post_id: UUID) -> None:
    """Removes the text; the place stays, others' replies too. Of an opening the title goes as well.

    Raises AccountClosed, ProfileNeeded, PostNotFound (somebody else's, too). Removing twice is fine.
    """
    post = await _own_post(session, alias, post_id)
    if post.erased:
        return
    post.erase(home)
    await outbox.add(session, POSTS, post.id, post.record())
    if post.opening:
        thread = await session.get(Thread, post.thread_id, with_for_update=True)
        if thread and not thread.erased:
            thread.erase(home)
            await outbox.add(session, THREADS, thread.id, thread.record())


async def post_for(session: AsyncSession, home: Home, member: Member | None, post_id: UUID) -> Post:
    """A post that stands for this member. Raises PostNotFound."""
    post = await session.get(Post, post_id)
    if post is None or not post.stands_for(member, home):
        raise PostNotFound()
    return post


async def _own_post(session: AsyncSession, alias: UUID, post_id: UUID) -> Post:
    # Locked before its version is raised, so that versions and outbox rows go in one order.
    profile = await profile_of(session, alias)
    post = await session.get(Post, post_id, with_for_update=True)
    if post is None:
        raise PostNotFound()
    post.require_author(profile)
    return post
