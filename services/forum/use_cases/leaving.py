"""When somebody's alias is closed or erased, and when another region asks us to show that we erased."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.ids import Home
from services.forum.models import PROJECTION, Authored, Member, Post, Profile, Reaction, Thread
from services.forum.replicas.concerns import forget_of
from shared.contracts.payloads.forum import ErasureRequested
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.topics import ERASURES, POSTS, PROFILES, REACTIONS, THREADS, Topic
from shared.keys import keyed_hash
from shared.outbox import add as outbox

AT_ONCE = 500  # entities erased in one transaction
LOOKED_AT = 100  # requests of one other region, in one transaction
MOST_NAMED = 5000  # ids in one erasure's record, which must stay under the outbox's limit
MOST_PROFILES = 10  # that another region's request may name: ours name one, and an answer says all again

# Erased stays erased, whatever is said later.
CHANGE = text("""
INSERT INTO members AS m (alias, role, closed, erased, erasure_id, erasing_since, version)
VALUES (:alias, :role, :closed, :erased, :erasure_id, :erasing_since, :version)
ON CONFLICT (alias) DO UPDATE SET role = coalesce(excluded.role, m.role), closed = excluded.closed,
    erased = m.erased OR excluded.erased, erasure_id = coalesce(m.erasure_id, excluded.erasure_id),
    erasing_since = coalesce(m.erasing_since, excluded.erasing_since), version = excluded.version
WHERE m.version IS NULL OR excluded.version > m.version
""")
FORGET = (
    text("DELETE FROM watching WHERE alias = :alias"),
    text("DELETE FROM read_marks WHERE alias = :alias"),
    text("DELETE FROM moderation_news WHERE alias = :alias"),
    text("DELETE FROM sanctions WHERE alias = :alias"),
)
STATE_ERASURE = text(f"""
INSERT INTO erasures AS e (id, home, version, erased, projection, arrived_at, erasure_id, profiles, threads, posts,
    reactions, acknowledged)
VALUES (:id, :home, :version, false, {PROJECTION}, :at, :erasure_id, :profiles, :threads, :posts, :reactions, :done)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, profiles = excluded.profiles,
    acknowledged = excluded.acknowledged WHERE excluded.version > e.version
""")
STATED = text(
    "SELECT profiles, threads, posts, reactions, acknowledged, version FROM erasures WHERE id = :id FOR UPDATE"
)
# Whether request e needs no answer (any more): it is ours, or names no profile, or (as answers do) one that isn't its
# home's; or our answer names all its profiles. Another home may use an erasure id of ours; what we say of it is a request.
_settled = f"""(e.home = :home OR cardinality(e.profiles) NOT BETWEEN 1 AND {MOST_PROFILES}
    OR EXISTS (SELECT FROM profiles p WHERE p.id = ANY (e.profiles) AND p.home <> e.home)
    OR EXISTS (SELECT FROM erasures o WHERE o.id = e.erasure_id || ':' || :home AND (o.profiles @> e.profiles
        OR EXISTS (SELECT FROM profiles p WHERE p.id = ANY (o.profiles) AND p.home = :home))))"""
# By the index, one look a home, however many requests each has.
HOMES_TO_ANSWER = text("""
WITH RECURSIVE homes AS (
    (SELECT home FROM erasures WHERE NOT answered ORDER BY home LIMIT 1)
    UNION ALL
    SELECT (SELECT e.home FROM erasures e WHERE NOT e.answered AND e.home > h.home ORDER BY e.home LIMIT 1)
    FROM homes h WHERE h.home IS NOT NULL
)
SELECT home FROM homes WHERE home IS NOT NULL
""")
NEXT = text(
    "SELECT id FROM erasures WHERE NOT answered AND home = :of AND id > :after ORDER BY id LIMIT :limit"
)
SETTLED = text(f"""
UPDATE erasures SET answered = true WHERE id IN (
    SELECT e.id FROM erasures e WHERE e.id = ANY (:ids) AND NOT e.answered AND {_settled}
    ORDER BY e.id FOR UPDATE SKIP LOCKED)
RETURNING id
""")
# Requests of other regions of which everything is stored here as erased: all they name, and since whoever wrote much had
# more than is named, all that those profiles wrote.
ANSWERABLE = text(f"""
SELECT e.erasure_id, e.profiles FROM erasures e
WHERE e.id = ANY (:ids) AND NOT e.answered AND NOT {_settled}
    AND NOT EXISTS (SELECT FROM unnest(e.profiles) n LEFT JOIN profiles p ON p.id = n WHERE p.erased IS NOT true)
    AND NOT EXISTS (SELECT FROM unnest(e.threads) n LEFT JOIN threads t ON t.id = n WHERE t.erased IS NOT true)
    AND NOT EXISTS (SELECT FROM unnest(e.posts) n LEFT JOIN posts p ON p.id = n WHERE p.erased IS NOT true)
    AND NOT EXISTS (SELECT FROM unnest(e.reactions) n LEFT JOIN reactions r ON r.id = n WHERE r.erased IS NOT true)
    AND NOT EXISTS (SELECT FROM threads t WHERE t.author_id = ANY (e.profiles) AND NOT t.erased)
    AND NOT EXISTS (SELECT FROM posts p WHERE p.author_id = ANY (e.profiles) AND NOT p.erased)
    AND NOT EXISTS (SELECT FROM reactions r WHERE r.author_id = ANY (e.profiles) AND NOT r.erased)
""")


def among_regions(secret: bytes, erasure_id: UUID) -> UUID:
    """Under which id regions tell each other of an erasure that identity calls `erasure_id`.

    A receipt's code leads to identity's id; without the forum's `secret` nobody gets from there to what was erased.
    """
    return UUID(bytes=keyed_hash(secret, "erasure", erasure_id.bytes)[:16], version=4)


async def change_members(
    session: AsyncSession, home: Home, secret: bytes, changes: list[AudienceAlias], at: datetime
) -> None:
    """What identity says of aliases: role, closed, erased. From the commit on a closed or erased alias is refused."""
    for change in sorted(changes, key=lambda change: change.id):
        await session.execute(
            CHANGE,
            {
                "alias": change.id,
                "role": change.role,
                "closed": change.closed,
                "erased": change.erased,
                "erasure_id": change.erasure_id and among_regions(secret, change.erasure_id),
                "erasing_since": at if change.erased else None,
                "version": change.version,
            },
        )
        if not change.erased:
            await _present(session, home, change)


async def _present(session: AsyncSession, home: Home, change: AudienceAlias) -> None:
    """The role on the profile; and who is closed, or no member any more, can't hide their community: it is hidden then."""
    found = select(Profile, Member.closed).join(Member, Member.profile_id == Profile.id)
    row = (
        await session.execute(found.where(Member.alias == change.id).with_for_update(of=Profile))
    ).one_or_none()
    if row is None or row.Profile.erased:
        return
    profile = row.Profile
    role = change.role if change.role in ("member", "consultant") else profile.role
    community = None if row.closed or role != "member" else profile.community
    if (role, community) != (profile.role, profile.community):
        profile.role, profile.community = role, community
        profile.rewrite(home)
        await outbox.add(session, PROFILES, profile.id, profile.record())


async def erase_some(session: AsyncSession, home: Home, at: datetime) -> bool:
    """Erase a part of one member who is to be erased; whether there may be more to do.

    Names what goes first, then erases by AT_ONCE, the profile last; then forgets what the alias read and watched, and
    who it wrote as. Its name stays reserved.
    """
    waiting = select(Member).where(Member.erasing_since.is_not(None), Member.erased_at.is_(None))
    member = await session.scalar(
        waiting.order_by(Member.erasing_since).limit(1).with_for_update(skip_locked=True)
    )
    if member is None:
        return False
    if member.erasure_id is None:
        member.erasure_id = uuid4()
    profile = None
    if member.profile_id is not None:
        profile = await session.get(Profile, member.profile_id, with_for_update=True)
    if profile is not None:
        await _state_request(session, home, member.erasure_id, profile.id, at)
        await forget_of(session, [profile.id])
        if await _erase_written(session, home, profile.id):
            return True
        profile.erase(home)
        await outbox.add(session, PROFILES, profile.id, profile.record())
        await _acknowledge_own(session, home, member.erasure_id, at)
    for statement in FORGET:
        await session.execute(statement, {"alias": member.alias})
    member.profile_id, member.erased_at = None, at
    return True


async def homes_to_answer(session: AsyncSession) -> list[str]:
    """Of which homes requests may be left to answer."""
    return list(await session.scalars(HOMES_TO_ANSWER))


async def acknowledge_others(
    session: AsyncSession, home: Home, of: str, after: str, at: datetime
) -> tuple[str, bool]:
    """Answer the erasures of one region once everything of theirs is stored here as erased.

    Looks at LOOKED_AT of its requests above the id `after`. Returns after which to go on, and whether any was answered.
    An answer names the profiles that it is about: another region may have asked under the same erasure id.
    """
    ids = list(await session.scalars(NEXT, {"of": of, "after": after, "limit": LOOKED_AT}))
    asked = {"home": home.region, "ids": ids}
    settled = (await session.scalars(SETTLED, asked)).all()
    answerable = (await session.execute(ANSWERABLE, asked)).all()
    for request in answerable:
        stated = f"{request.erasure_id}:{home.region}"
        before = (await session.execute(STATED, {"id": stated})).one_or_none()
        profiles = {*request.profiles, *(before.profiles if before else ())}
        await _publish_erasure(session, home, ErasureRequested(
            id=stated, home=home.region, version=home.version_after(before.version if before else 0),
            erasure_id=request.erasure_id, profiles=tuple(sorted(profiles)), acknowledged=True,
        ), at)  # fmt: skip
    return ids[-1] if len(ids) == LOOKED_AT else "", bool(settled or answerable)


async def _erase_written(session: AsyncSession, home: Home, profile: UUID) -> bool:
    """Erase up to AT_ONCE rows; whether any was left to erase."""
    kinds: tuple[tuple[type[Authored], Topic], ...] = (
        (Thread, THREADS),
        (Post, POSTS),
        (Reaction, REACTIONS),
    )
    for kind, topic in kinds:
        entity: Any = kind
        rows = await session.scalars(
            select(entity)
            .where(entity.author_id == profile, ~entity.erased)
            .order_by(entity.id)
            .limit(AT_ONCE)
            .with_for_update()
        )
        found = list(rows)
        for row in found:
            row.erase(home)
        if found:
            await outbox.add_all(session, topic, [(row.id, row.record()) for row in found])
            return True
    return False


async def _state_request(
    session: AsyncSession, home: Home, erasure_id: UUID, profile: UUID, at: datetime
) -> None:
    """Say once what this erasure takes along."""
    stated = f"{erasure_id}:{home.region}"
    if (await session.execute(STATED, {"id": stated})).one_or_none() is not None:
        return
    left = MOST_NAMED
    named: dict[str, tuple[UUID, ...]] = {}
    for name, kind in (("threads", Thread), ("posts", Post), ("reactions", Reaction)):
        entity: Any = kind
        ids = await session.scalars(
            select(entity.id)
            .where(entity.author_id == profile, ~entity.erased)
            .order_by(entity.id)
            .limit(left)
        )
        named[name] = tuple(ids)
        left -= len(named[name])
    await _publish_erasure(session, home, ErasureRequested(
        id=stated, home=home.region, version=home.clock.tick(), erasure_id=erasure_id, profiles=(profile,), **named,
    ), at)  # fmt: skip


async def _acknowledge_own(session: AsyncSession, home: Home, erasure_id: UUID, at: datetime) -> None:
    stated = f"{erasure_id}:{home.region}"
    row = (await session.execute(STATED, {"id": stated})).one()
    await _publish_erasure(session, home, ErasureRequested(
        id=stated, home=home.region, version=home.version_after(row.version), erasure_id=erasure_id,
        profiles=tuple(row.profiles), threads=tuple(row.threads), posts=tuple(row.posts),
        reactions=tuple(row.reactions), acknowledged=True,
    ), at)  # fmt: skip


async def _publish_erasure(session: AsyncSession, home: Home, record: ErasureRequested, at: datetime) -> None:
    await session.execute(
        STATE_ERASURE,
        {
            "id": record.id,
            "home": home.region,
            "version": record.version,
            "at": at,
            "erasure_id": record.erasure_id,
            "profiles": list(record.profiles),
            "threads": list(record.threads),
            "posts": list(record.posts),
            "reactions": list(record.reactions),
            "done": record.acknowledged,
        },
    )
    await outbox.add(session, ERASURES, record.id, record)
