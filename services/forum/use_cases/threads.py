"""Opening a thread, and watching one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import PostTooLong, ThreadNotFound
from services.forum.ids import Home
from services.forum.models import Post, Thread, authored_by
from services.forum.policy import MARK_STAYS_BACK
from services.forum.rendering import render
from services.forum.rules.lengths import too_long
from services.forum.use_cases.profiles import author_of
from services.forum.use_cases.writers import Consultant, Writers, open_member, require_writing
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.forum import Wish
from shared.contracts.topics import ACTIVITY, POSTS, THREADS
from shared.outbox import add as outbox

APPEAR = text(
    "INSERT INTO thread_activity (thread_id, replies, last_written, first_writer, answered)"
    " VALUES (:thread, 0, :written, :writer, false) ON CONFLICT DO NOTHING"
)
WATCH = text(
    "INSERT INTO watching (alias, thread_id, since) VALUES (:alias, :thread, :since) ON CONFLICT DO NOTHING"
)
UNWATCH = text("DELETE FROM watching WHERE alias = :alias AND thread_id = :thread")


@dataclass(frozen=True, slots=True)
class OpenThread:
    alias: UUID
    role: str
    consultant: Consultant | None
    title: str
    wish: Wish
    body: str
    at: datetime


async def open_thread(session: AsyncSession, home: Home, writers: Writers, command: OpenThread) -> Thread:
    """A thread with its opening; its writer watches it, and a member's opening counts as a post.

    Raises AccountClosed, WritingPaused, ProfileNeeded, PostTooLong.
    """
    if too_long(command.body):
        raise PostTooLong()
    await open_member(session, command.alias)
    await require_writing(session, command.alias)
    author = await author_of(session, home, writers, command.alias, command.consultant)
    version = home.clock.tick()
    written = home.written(version)
    thread = Thread(
        **authored_by(home, home.entity(written), version, author, home.stands_from(written, command.at)),
        title=command.title,
        wish=command.wish,
    )
    version = home.clock.tick()
    written = home.written(version)
    opening = Post(
        **authored_by(home, home.entity(written), version, author, home.stands_from(written, command.at)),
        thread_id=thread.id,
        written=written,
        opening=True,
        edited=False,
        body=command.body,
        body_html=render(command.body),
    )
    session.add_all([thread, opening])
    await session.flush()
    await session.execute(APPEAR, {"thread": thread.id, "written": written, "writer": author.id})
    await watch(session, command.alias, thread.id, command.at)
    await outbox.add(session, THREADS, thread.id, thread.record(), at=command.at)
    await outbox.add(session, POSTS, opening.id, opening.record(), at=command.at)
    if command.role == "member":
        await outbox.add(session, ACTIVITY["forum"], command.alias, PostWritten(), at=command.at)
    return thread


async def start_watching(
    session: AsyncSession, home: Home, alias: UUID, thread_id: UUID, at: datetime
) -> None:
    """New replies show up in "for you" from now on. Raises AccountClosed, ThreadNotFound."""
    member = await open_member(session, alias)
    thread = await session.get(Thread, thread_id)
    if thread is None or not thread.stands_for(member, home):
        raise ThreadNotFound()
    await watch(session, alias, thread_id, at)


async def watch(session: AsyncSession, alias: UUID, thread_id: UUID, at: datetime) -> None:
    """Watches from a little before `at`, so that a reply still being committed isn't missed."""
    await session.execute(WATCH, {"alias": alias, "thread": thread_id, "since": at - MARK_STAYS_BACK})


async def stop_watching(session: AsyncSession, alias: UUID, thread_id: UUID) -> None:
    """Raises AccountClosed."""
    await open_member(session, alias)
    await session.execute(UNWATCH, {"alias": alias, "thread": thread_id})
