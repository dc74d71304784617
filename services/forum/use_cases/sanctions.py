"""A pause from writing: only at the writer's home, over by itself, or lifted before. Reading stays open, and cafés."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import SanctionForMembers, SanctionNotFound
from services.forum.ids import Home
from services.forum.models import Member, Profile
from services.forum.use_cases.posts import post_for
from services.forum.use_cases.reports import pass_on
from services.forum.use_cases.writers import open_member
from shared import clock
from shared.contracts.payloads.forum import ReportCategory
from shared.contracts.payloads.notices import NoticeLooked, NoticeRequested
from shared.contracts.topics import NOTICES_REQUESTED
from shared.database import security_log
from shared.outbox import add as outbox

IMPOSE = text(
    "INSERT INTO sanctions (alias, id, reason, until, lifted, seen)"
    " VALUES (:alias, :id, :reason, :until, false, false) ON CONFLICT (alias) DO UPDATE"
    " SET id = excluded.id, reason = excluded.reason, until = excluded.until, lifted = false, seen = false"
)
LIFT = text(
    "UPDATE sanctions SET lifted = true, seen = false WHERE id = :id AND NOT lifted AND until > :at RETURNING alias"
)
SEE = text("UPDATE sanctions SET seen = true WHERE alias = :alias AND NOT seen")


async def impose(
    session: AsyncSession,
    home: Home,
    alias: UUID,
    post_id: UUID,
    category: ReportCategory,
    reason: str,
    days: int,
) -> None:
    """A pause for the writer of a post, who is told why and until when; from the commit on nothing more is taken.

    Where the writer belongs to another region its peer consultants are told (post and category) and decide; the two
    answer alike, since nobody is shown where anybody belongs. A pause that stands is replaced.
    Raises AccountClosed, PostNotFound, SanctionForMembers.
    """
    member = await open_member(session, alias)
    post = await post_for(session, home, member, post_id)
    if await session.scalar(select(Profile.role).where(Profile.id == post.author_id)) == "consultant":
        raise SanctionForMembers()
    await security_log.note(session, "pause-decided", alias, post_id)
    if post.home != home.region:
        await pass_on(session, home, home.entity(home.clock.tick()), post_id, category)
        return
    writer = await session.scalar(select(Member.alias).where(Member.profile_id == post.author_id))
    if writer is None:
        return  # has left
    await session.execute(
        IMPOSE, {"alias": writer, "id": uuid4(), "reason": reason, "until": end_of(days, clock.now())}
    )
    await _tell(session, writer)


async def lift(session: AsyncSession, alias: UUID, sanction_id: UUID) -> None:
    """Ends a pause now, and tells its member. Raises AccountClosed, SanctionNotFound."""
    await open_member(session, alias)
    writer = await session.scalar(LIFT, {"id": sanction_id, "at": clock.now()})
    if writer is None:
        raise SanctionNotFound()
    await security_log.note(session, "pause-lifted", alias, sanction_id)
    await _tell(session, writer)


async def see(session: AsyncSession, alias: UUID) -> None:
    """Its member has read what their pause says now. Raises AccountClosed."""
    await open_member(session, alias)
    seen = await session.execute(SEE, {"alias": alias})
    if seen.rowcount:  # type: ignore[attr-defined]
        await outbox.add(session, NOTICES_REQUESTED["forum"], alias, NoticeLooked(category="moderation"))


def end_of(days: int, at: datetime) -> datetime:
    """When a pause of so many whole days is over: the midnight (UTC) after them."""
    return datetime.combine(at.date() + timedelta(days=days + 1), time(), UTC)


async def _tell(session: AsyncSession, writer: UUID) -> None:
    notice = NoticeRequested(category="moderation", urgency="soon")
    await outbox.add(session, NOTICES_REQUESTED["forum"], writer, notice)
