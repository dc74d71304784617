"""The three reactions: given and taken back, never counted."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import OwnPost, PostRemoved
from services.forum.ids import Home
from services.forum.models import Reaction, authored_by
from services.forum.use_cases.posts import post_for
from services.forum.use_cases.profiles import author_of
from services.forum.use_cases.writers import Consultant, Writers, locked_member, require_writing
from shared import clock
from shared.contracts.payloads.forum import ReactionKind
from shared.contracts.topics import REACTIONS
from shared.outbox import add as outbox


async def react(
    session: AsyncSession,
    home: Home,
    writers: Writers,
    alias: UUID,
    role: str,
    consultant: Consultant | None,
    post_id: UUID,
    kind: ReactionKind,
) -> None:
    """Gives a reaction; giving it twice is giving it once.

    Raises AccountClosed, WritingPaused, ProfileNeeded, PostNotFound, PostRemoved, OwnPost.
    """
    author = await author_of(session, home, writers, alias, consultant)
    member = await locked_member(session, alias, role)
    await require_writing(session, alias)
    profile = member.writes_as()
    post = await post_for(session, home, member, post_id)
    if post.erased:
        raise PostRemoved()
    if post.author_id == profile:
        raise OwnPost()
    if await _given(session, profile, post_id, kind):
        return
    version = home.clock.tick()
    columns = authored_by(home, home.entity(version), version, author, clock.now())
    reaction = Reaction(**columns, post_id=post_id, kind=kind)
    session.add(reaction)
    await session.flush()
    await outbox.add(session, REACTIONS, reaction.id, reaction.record())


async def take_back(
    session: AsyncSession, home: Home, alias: UUID, role: str, post_id: UUID, kind: ReactionKind
) -> None:
    """Takes a reaction back. Raises AccountClosed, ProfileNeeded."""
    member = await locked_member(session, alias, role)
    for reaction in await _given(session, member.writes_as(), post_id, kind):
        reaction.erase(home)
        await outbox.add(session, REACTIONS, reaction.id, reaction.record())


async def _given(session: AsyncSession, profile: UUID, post_id: UUID, kind: ReactionKind) -> list[Reaction]:
    found = await session.scalars(
        select(Reaction)
        .where(Reaction.post_id == post_id, Reaction.author_id == profile, Reaction.kind == kind)
        .where(~Reaction.erased)
        .with_for_update()
    )
    return list(found)
