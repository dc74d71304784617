"""Telling peer consultants about a post, and being done with it.

A member tells those of their own region; where the writer belongs to another, its peer consultants hear of it by a
record of post and category. Nobody is told who told.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import PostRemoved
from services.forum.ids import Home, Identity
from services.forum.models import PROJECTION, Report
from services.forum.replicas.concerns import call, keep
from services.forum.rules.identities import time_of
from services.forum.use_cases.posts import post_for
from services.forum.use_cases.writers import open_member
from shared import clock
from shared.contracts.payloads.forum import ReportCategory
from shared.contracts.payloads.notices import NoticeLooked
from shared.contracts.topics import NOTICES_REQUESTED, REPORTS
from shared.database import security_log
from shared.hlc import COUNTER_BITS
from shared.keys import keyed_hash
from shared.outbox import add as outbox

TELL = text(
    "INSERT INTO concerns (id, nonce, post_id, category, told_by, arrived_at)"
    " VALUES (:id, :nonce, :post, :category, :told_by, :at) ON CONFLICT (post_id, told_by) DO NOTHING"
)
TO_PASS_ON = text(
    "SELECT c.id, c.nonce, c.post_id, c.category, p.home FROM concerns c JOIN posts p ON p.id = c.post_id"
    " WHERE c.nonce IS NOT NULL ORDER BY c.id LIMIT :limit FOR UPDATE OF c SKIP LOCKED"
)
PASSED_ON = text("UPDATE concerns SET nonce = NULL WHERE id = ANY (:ids)")
AT_ONCE = 100
CLOSE = text("""
UPDATE concerns SET closed_on = :on, told_by = NULL
WHERE post_id = :post AND closed_on IS NULL
    AND arrived_at <= (SELECT c.arrived_at FROM concerns c WHERE c.id = :upto AND c.post_id = :post)
""")
# Where nobody is told any more, also because a region was muted; and of who left while something was just being kept.
TIDY = text("""
DELETE FROM kept_versions k WHERE NOT EXISTS (
    SELECT FROM concerns c LEFT JOIN reports r ON r.id = c.id
    WHERE c.post_id = k.post_id AND c.closed_on IS NULL
        AND (r.home IS NULL OR r.home NOT IN (SELECT region FROM muted_regions)))
OR EXISTS (SELECT FROM posts p JOIN profiles w ON w.id = p.author_id WHERE p.id = k.post_id AND w.erased)
""")


async def tell(
    session: AsyncSession, home: Home, secret: bytes, alias: UUID, post_id: UUID, category: ReportCategory
) -> None:
    """Tells peer consultants about a post, and keeps it as it is until they are done. Twice is once.

    Raises AccountClosed, PostNotFound, PostRemoved.
    """
    member = await open_member(session, alias)
    post = await post_for(session, home, member, post_id)
    if post.erased:
        raise PostRemoved()
    at, identity = clock.now(), home.entity(home.clock.tick())
    told = await session.execute(
        TELL,
        {
            "id": identity.id,
            "nonce": identity.nonce,
            "post": post_id,
            "category": category,
            "told_by": keyed_hash(secret, "told", alias.bytes, post_id.bytes),
            "at": at,
        },
    )
    if not told.rowcount:  # type: ignore[attr-defined]
        return
    await keep(session, [post_id])
    await call(session, [identity.id], at)


async def pass_on_some(session: AsyncSession, home: Home) -> bool:
    """Of what was told here, pass on what the homes of the writers must hear; whether there may be more to do."""
    rows = (await session.execute(TO_PASS_ON, {"limit": AT_ONCE})).all()
    for row in rows:
        if row.home != home.region:
            await pass_on(session, home, Identity(row.id, row.nonce), row.post_id, row.category)
    if rows:
        await session.execute(PASSED_ON, {"ids": [row.id for row in rows]})
    return bool(rows)


async def pass_on(
    session: AsyncSession, home: Home, identity: Identity, post_id: UUID, category: ReportCategory
) -> None:
    """Tells the home of the post's writer: the post and the category, never who told, never in words."""
    report = Report(
        id=identity.id, nonce=identity.nonce, home=home.region, version=_version_of(home, identity.id), erased=False,
        projection=PROJECTION, arrived_at=clock.now(), post_id=post_id, category=category,
    )  # fmt: skip
    session.add(report)
    await session.flush()
    await outbox.add(session, REPORTS, report.id, report.record())


def _version_of(home: Home, id_: UUID) -> int:
    """Not before its id: another process made that, and its clock may be ahead of this one's."""
    return home.version_after(time_of(id_) << COUNTER_BITS)


async def close(session: AsyncSession, alias: UUID, post_id: UUID, upto: UUID) -> None:
    """Peer consultants are done with a post, as far as they were told `upto` this; what they kept of it goes.

    Raises AccountClosed.
    """
    await open_member(session, alias)
    closed = await session.execute(CLOSE, {"post": post_id, "upto": upto, "on": clock.today()})
    if closed.rowcount:  # type: ignore[attr-defined]
        await session.execute(TIDY)
        await security_log.note(session, "report-closed", alias, post_id)


async def see(session: AsyncSession, alias: UUID) -> None:
    """A peer consultant has looked at what they were told. Raises AccountClosed."""
    await open_member(session, alias)
    await outbox.add(session, NOTICES_REQUESTED["forum"], alias, NoticeLooked(category="moderation"))


async def tidy(session: AsyncSession) -> None:
    """Drop kept versions that nobody needs any more."""
    await session.execute(TIDY)
