"""Hiding and restoring by peer consultants. The author is told by the consumer that reads the decision back."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.models import PROJECTION, Moderation, Post, Thread
from services.forum.rules.hiding import liftable
from services.forum.use_cases.posts import post_for
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
    member = await open_member(session, alias)
    post = await post_for(session, home, member, post_id)
    decision = await _decision(session, home, post)
    target, _ = await _target(session, post)
    at_home = await session.get(Moderation, f"{target}:{post.home}")
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
    member = await open_member(session, alias)
    post = await post_for(session, home, member, post_id)
    target, _ = await _target(session, post)
    decisions = await session.scalars(select(Moderation).where(Moderation.target_id == target))
    lifted = liftable([(each.home, each.hide_ids) for each in decisions], home.region, post.home)
    if lifted:
        decision = await _decision(session, home, post)
        if lifted - set(decision.lifts):
            decision.lift(lifted, home)
            await _decide(session, decision, alias, "restored")


async def _decision(session: AsyncSession, home: Home, post: Post) -> Moderation:
    """This region's decision about the post, locked; made if need be."""
    target, kind = await _target(session, post)
    of = f"{target}:{home.region}"
    first = {"id": of, "home": home.region, "at": clock.now(), "target": target, "kind": kind}
    await session.execute(BEGIN, first)
    return await session.get_one(Moderation, of, with_for_update=True, populate_existing=True)


async def _target(session: AsyncSession, post: Post) -> tuple[UUID, str]:
    """An opening stands for its whole thread, whose title is the same writer's.

    One that another region puts into somebody else's thread stands for itself.
    """
    if post.opening:
        opened_by = await session.scalar(select(Thread.author_id).where(Thread.id == post.thread_id))
        if opened_by == post.author_id:
            return post.thread_id, "thread"
    return post.id, "post"


async def _decide(session: AsyncSession, decision: Moderation, alias: UUID, event: str) -> None:
    await session.flush()
    await outbox.add(session, MODERATION, decision.id, decision.record())
    await security_log.note(session, f"post-{event}", alias, decision.target_id)
