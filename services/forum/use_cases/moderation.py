"""Hiding and restoring by peer consultants. The author is told by the consumer that reads the decision back."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import PostNotFound
from services.forum.ids import Home
from services.forum.models import PROJECTION, Moderation, Post
from services.forum.use_cases.writers import open_member
from shared import clock
from shared.contracts.topics import MODERATION
from shared.database import security_log
from shared.outbox import add as outbox

BEGIN = text(
    "INSERT INTO moderation (id, home, version, erased, projection, arrived_at, target_id, target_kind, hide_ids,"
    f" hide_reasons, lifts) VALUES (:id, :home, 0, false, {PROJECTION}, :at, :target, :kind, '{{}}', '{{}}', '{{}}')"
    " ON CONFLICT DO NOTHING"
)


async def hide(session: AsyncSession, home: Home, alias: UUID, post_id: UUID, reason: str) -> UUID:
    """Hides a post, or with an opening its thread's title too. Returns the hide's id: the one that stands, if any.

    Raises AccountClosed, PostNotFound.
    """
    await open_member(session, alias)
    post = await _post(session, post_id)
    decision = await _decision(session, home, post)
    at_home = await session.get(Moderation, f"{_target(post)[0]}:{post.home}")
    lifts = {*decision.lifts, *(at_home.lifts if at_home else ())}
    for standing in decision.hide_ids:
        if standing not in lifts:
            return standing
    hide_id = uuid4()
    decision.hide(hide_id, reason, home)
    await _decide(session, decision, alias, "hidden")
    return hide_id


async def restore(session: AsyncSession, home: Home, alias: UUID, post_id: UUID) -> None:
    """Lifts every hide of the post that this region may lift: its own, and all where the post is this region's.

    Raises AccountClosed, PostNotFound.
    """
    await open_member(session, alias)
    post = await _post(session, post_id)
    ours = post.home == home.region
    decisions = await session.scalars(select(Moderation).where(Moderation.target_id == _target(post)[0]))
    lifted = [i for d in decisions if ours or d.home == home.region for i in d.hide_ids]
    if lifted:
        decision = await _decision(session, home, post)
        if set(lifted) - set(decision.lifts):
            decision.lift(lifted, home)
            await _decide(session, decision, alias, "restored")


async def _post(session: AsyncSession, post_id: UUID) -> Post:
    post = await session.get(Post, post_id)
    if post is None:
        raise PostNotFound()
    return post


async def _decision(session: AsyncSession, home: Home, post: Post) -> Moderation:
    """This region's decision about the post, locked; made if need be."""
    target, kind = _target(post)
    of = f"{target}:{home.region}"
    first = {"id": of, "home": home.region, "at": clock.now(), "target": target, "kind": kind}
    await session.execute(BEGIN, first)
    return await session.get_one(Moderation, of, with_for_update=True, populate_existing=True)


def _target(post: Post) -> tuple[UUID, str]:
    """An opening stands for its whole thread, whose title is the same writer's."""
    return (post.thread_id, "thread") if post.opening else (post.id, "post")


async def _decide(session: AsyncSession, decision: Moderation, alias: UUID, event: str) -> None:
    await session.flush()
    await outbox.add(session, MODERATION, decision.id, decision.record())
    await security_log.note(session, f"post-{event}", alias, decision.target_id)
