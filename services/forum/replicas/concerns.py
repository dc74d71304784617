"""What peer consultants of this region hear from abroad about its posts, and the versions they are kept in."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.topics import NOTICES_REQUESTED
from shared.outbox import add as outbox

# What a neighbour passed on about posts of ours; once, however often its record comes. A post that was removed
# meanwhile counts, too: somebody may be worried about who wrote it.
HEAR = text("""
INSERT INTO concerns (id, post_id, category, arrived_at)
SELECT r.id, r.post_id, r.category, :at
FROM reports r LEFT JOIN posts p ON p.id = r.post_id LEFT JOIN profiles w ON w.id = p.author_id
WHERE r.id = ANY (:reports) AND r.home <> :region AND r.category IS NOT NULL
    AND coalesce(p.home, :region) = :region AND w.erased IS NOT TRUE
ON CONFLICT DO NOTHING RETURNING id, post_id
""")
# One notice for each peer consultant here; none for what a muted region says, nor of a post that isn't here: it stands in
# no list. Where that comes later (after a restore) it stands in the list from then on, without a notice.
CALL = text("""
INSERT INTO outbox (event_id, topic, key, type, occurred_at, payload)
SELECT gen_random_uuid(), :topic, m.alias::text, :type, :occurred_at, :payload
FROM members m WHERE m.role = 'consultant' AND NOT m.closed AND NOT m.erased AND EXISTS (
    SELECT FROM concerns c JOIN posts p ON p.id = c.post_id LEFT JOIN reports r ON r.id = c.id
    WHERE c.id = ANY (:concerns) AND (r.home IS NULL OR r.home NOT IN (SELECT region FROM muted_regions)))
""")
# The text as it is now. Nothing of somebody who has left.
KEEP = text("""
INSERT INTO kept_versions (post_id, title, body_html)
SELECT p.id, CASE WHEN p.opening AND p.author_id = t.author_id THEN t.title END, p.body_html
FROM posts p LEFT JOIN threads t ON t.id = p.thread_id LEFT JOIN profiles w ON w.id = p.author_id
WHERE p.id = ANY (:posts) AND NOT p.erased AND p.body_html IS NOT NULL AND w.erased IS NOT TRUE
ON CONFLICT (post_id) DO NOTHING
""")
FORGET_OF = text(
    "DELETE FROM kept_versions k USING posts p WHERE p.id = k.post_id AND p.author_id = ANY (:profiles)"
)
CLOSE_OF = text(
    "UPDATE concerns c SET closed_on = :on, told_by = NULL FROM posts p"
    " WHERE c.closed_on IS NULL AND p.id = c.post_id AND p.author_id = ANY (:profiles)"
)


async def hear(session: AsyncSession, region: str, reports: Collection[UUID], at: datetime) -> None:
    """What neighbours passed on about posts of this `region` stands in its list from now on."""
    heard = (await session.execute(HEAR, {"reports": list(reports), "region": region, "at": at})).all()
    if heard:
        await keep(session, {row.post_id for row in heard})
        await call(session, [row.id for row in heard], at)


async def call(session: AsyncSession, concerns: Collection[UUID], at: datetime) -> None:
    """Peer consultants of this region learn that something waits for them."""
    notice = outbox.row(
        NOTICES_REQUESTED["forum"], "", NoticeRequested(category="moderation", urgency="soon"), at=at
    )
    told = {name: value for name, value in notice.items() if name not in ("event_id", "key")}
    await session.execute(CALL, {"concerns": list(concerns), **told})


async def keep(session: AsyncSession, posts: Collection[UUID]) -> None:
    """Posts as they are now, until peer consultants are done with them; what is kept already stays as it is."""
    await session.execute(KEEP, {"posts": list(posts)})


async def forget_of(session: AsyncSession, profiles: Collection[UUID]) -> None:
    """Nothing is kept of who has left, and nobody is asked to look after them."""
    if profiles:
        gone = {"profiles": list(profiles)}
        await session.execute(FORGET_OF, gone)
        await session.execute(CLOSE_OF, gone | {"on": clock.today()})
