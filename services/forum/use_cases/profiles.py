"""Forum names: taken on the first visit, changed later, never given to anybody else; a community shown, and hidden."""

import secrets
from uuid import UUID

from sqlalchemy import exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.errors import (
    CommunityNotSaid,
    NameBelongsToNobody,
    NameIsFixed,
    NameNotPossible,
    NameTaken,
    ProfileExists,
    ProfileNeeded,
)
from services.forum.ids import Home, Identity
from services.forum.models import Member, Profile
from services.forum.names import fault_of, skeleton
from services.forum.use_cases.writers import Consultant, Writers, locked_member, require_writing
from shared import clock
from shared.contracts.topics import PROFILES
from shared.database.statements import driver_of
from shared.outbox import add as outbox

# The insert waits for whoever is taking the same name at this moment; only one of two gets it.
RESERVE = text("INSERT INTO names (skeleton, profile_id) VALUES (:skeleton, :profile) ON CONFLICT DO NOTHING")
IN_USE = text(
    "SELECT EXISTS (SELECT FROM names WHERE skeleton = :skeleton"
    "   AND profile_id IS DISTINCT FROM CAST(:profile AS uuid))"
    " OR EXISTS (SELECT FROM profiles WHERE skeleton = :skeleton AND id IS DISTINCT FROM CAST(:profile AS uuid))"
)
# Only a restore leaves a profile of our own without its member (read_back.py).
OWNERLESS = text(
    "SELECT EXISTS (SELECT FROM profiles p WHERE p.skeleton = :skeleton AND p.home = :home AND NOT p.erased"
    " AND NOT EXISTS (SELECT FROM members m WHERE m.profile_id = p.id))"
)
# The name of whoever has left stays taken, and leads to nothing of theirs.
NOBODY = UUID(int=0)
BELONG_TO_NOBODY = text(
    "UPDATE names SET profile_id = :nobody FROM profiles p WHERE p.id = names.profile_id AND p.erased"
)


async def present(session: AsyncSession, home: Home, alias: UUID, name: str) -> Profile:
    """A member takes a forum name. The same name again changes nothing.

    Raises AccountClosed, NameNotPossible, NameTaken, NameBelongsToNobody, ProfileExists.
    """
    member = await locked_member(session, alias, "member")
    if member.profile_id is not None:
        profile = await session.get_one(Profile, member.profile_id)
        if profile.name == name:
            return profile
        raise ProfileExists()
    profile = _new(home, "member", name)
    if not await _take(session, name, profile.id):
        # Not said to who renames: of a name that isn't theirs it would tell that its owner was of this region.
        if await session.scalar(OWNERLESS, {"skeleton": profile.skeleton, "home": home.region}):
            raise NameBelongsToNobody()
        raise NameTaken()
    member.profile_id = profile.id
    return await _publish(session, profile)


async def present_consultant(
    session: AsyncSession, home: Home, alias: UUID, consultant: Consultant
) -> Profile:
    """A peer consultant's profile, under the name their token bears; made once, at their first write.

    The name is reserved. A member who took one like it before keeps it, but can be told apart (`look_alike`).
    Raises AccountClosed.
    """
    member = await locked_member(session, alias, "consultant")
    if member.profile_id is not None:
        return await session.get_one(Profile, member.profile_id)
    profile = _new(home, "consultant", consultant.name)
    profile.same_as = consultant.same_as
    await session.execute(RESERVE, {"skeleton": profile.skeleton, "profile": profile.id})
    member.profile_id = profile.id
    return await _publish(session, profile)


async def author_of(
    session: AsyncSession, home: Home, writers: Writers, alias: UUID, consultant: Consultant | None
) -> Identity:
    """The profile that `alias` writes as; a peer consultant's is made at their first write.

    Raises AccountClosed, ProfileNeeded.
    """
    try:
        return await writers.identity(await driver_of(session), alias)
    except ProfileNeeded:
        if consultant is None:
            raise
    profile = await present_consultant(session, home, alias, consultant)
    return Identity(profile.id, profile.nonce)  # not remembered by `writers`: this may still be rolled back


async def rename(session: AsyncSession, home: Home, alias: UUID, name: str) -> Profile:
    """A member changes their forum name; the one before stays reserved.

    Raises AccountClosed, WritingPaused, ProfileNeeded, NameIsFixed, NameNotPossible, NameTaken.
    """
    member = await locked_member(session, alias, "member")
    await require_writing(session, alias)
    profile = await session.get_one(Profile, member.writes_as(), with_for_update=True)
    if profile.role == "consultant":
        raise NameIsFixed()
    if profile.name == name:
        return profile
    if not await _take(session, name, profile.id):
        raise NameTaken()
    profile.name, profile.skeleton = name, skeleton(name)
    profile.rewrite(home)
    return await _publish(session, profile)


async def show_community(session: AsyncSession, home: Home, alias: UUID, community: str | None) -> Profile:
    """A member shows the community that identity says they belong to. Showing the same again changes nothing.

    Raises AccountClosed, WritingPaused, ProfileNeeded, CommunityNotSaid.
    """
    member = await locked_member(session, alias, "member")
    await require_writing(session, alias)
    if community is None:
        raise CommunityNotSaid()
    return await _say_community(session, home, member.writes_as(), community)


async def hide_community(session: AsyncSession, home: Home, alias: UUID) -> Profile:
    """A member hides their community again: from the next version on nobody has it. In a pause, too.

    Raises AccountClosed, ProfileNeeded.
    """
    member = await locked_member(session, alias, "member")
    return await _say_community(session, home, member.writes_as(), None)


async def is_free(session: AsyncSession, name: str, profile: UUID | None) -> bool:
    """Whether `name` could be taken now (by `profile`, whose own names are free to it). Raises NameNotPossible."""
    if fault_of(name):
        raise NameNotPossible()
    asked = {"skeleton": skeleton(name), "profile": profile}
    return not await session.scalar(IN_USE, asked)


async def _say_community(
    session: AsyncSession, home: Home, profile_id: UUID, community: str | None
) -> Profile:
    profile = await session.get_one(Profile, profile_id, with_for_update=True)
    if profile.community == community:
        return profile
    profile.community = community
    profile.rewrite(home)
    return await _publish(session, profile)


async def hide_communities_of_nobody(session: AsyncSession, home: Home) -> None:
    """Hide what nobody may hide any more: of who is closed, or a peer consultant now, or parted from it by a restore."""
    mine = exists().where(Member.profile_id == Profile.id, ~Member.closed, ~Member.erased)
    nobodys = or_(~mine, Profile.role != "member")
    shown = select(Profile).where(Profile.home == home.region, Profile.community.is_not(None), nobodys)
    for profile in await session.scalars(shown.order_by(Profile.id).with_for_update()):
        profile.community = None
        profile.rewrite(home)
        await _publish(session, profile)


async def let_go_of_names(session: AsyncSession) -> None:
    """Part the names of erased profiles from them.

    Not in the transaction that erased one: its id, on both rows, would join them again.
    """
    await session.execute(BELONG_TO_NOBODY, {"nobody": NOBODY})


async def _take(session: AsyncSession, name: str, profile: UUID) -> bool:
    """Whether `profile` may have it; reserved for it then. Raises NameNotPossible."""
    if fault_of(name):
        raise NameNotPossible()
    await session.execute(RESERVE, {"skeleton": skeleton(name), "profile": profile})
    return await is_free(session, name, profile)


def _new(home: Home, role: str, name: str) -> Profile:
    identity = home.profile()
    return Profile(
        id=identity.id,
        nonce=identity.nonce,
        home=home.region,
        version=home.clock.tick(),
        erased=False,
        arrived_at=clock.now(),
        role=role,
        name=name,
        skeleton=skeleton(name),
        mark=secrets.randbits(31),
    )


async def _publish(session: AsyncSession, profile: Profile) -> Profile:
    session.add(profile)
    await session.flush()
    await outbox.add(session, PROFILES, profile.id, profile.record())
    return profile
