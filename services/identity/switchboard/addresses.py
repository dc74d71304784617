"""The only code that knows which alias is whose.

`aliases` holds a keyed hash of each alias → its participant, sealed; `participant_aliases` the alias, sealed,
for the way back. The keys stay outside the database and its backups; aliases are drawn, never derived.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import Keys, keys_of
from shared.keys import keyed_hash

FIRST_GENERATION = 1
OWNER = "alias-owner"
WAY_BACK = "alias"

NEWEST = text(
    "SELECT DISTINCT ON (participant_id) participant_id, generation, alias_sealed FROM participant_aliases"
    " WHERE audience = :audience AND participant_id = ANY(CAST(:participants AS uuid[]))"
    " ORDER BY participant_id, generation DESC"
)
# Two first requests at once: the second waits at the primary key, inserts nothing and reads the winner's
# alias. Ordered, so that two batches cannot deadlock. Joined to participants, so that nobody who left is
# addressed again.
GIVE = text(
    "WITH drawn AS (SELECT * FROM unnest(CAST(:participants AS uuid[]), CAST(:sealed AS bytea[]),"
    "   CAST(:hashes AS bytea[]), CAST(:owners AS bytea[]))"
    "   AS d (participant_id, alias_sealed, alias_hash, participant_sealed)),"
    " here AS (SELECT p.id AS participant_id FROM participants p JOIN drawn d ON d.participant_id = p.id"
    "   WHERE p.status IN ('active', 'suspended') ORDER BY p.id FOR KEY SHARE OF p),"
    " given AS (INSERT INTO participant_aliases (participant_id, audience, generation, alias_sealed)"
    "   SELECT participant_id, :audience, :generation, alias_sealed"
    "   FROM drawn JOIN here USING (participant_id) ORDER BY participant_id"
    "   ON CONFLICT DO NOTHING RETURNING participant_id)"
    " INSERT INTO aliases (alias_hash, audience, generation, participant_sealed)"
    " SELECT alias_hash, :audience, :generation, participant_sealed"
    " FROM drawn JOIN given USING (participant_id)"
)
OWNERS = text(
    "SELECT alias_hash, participant_sealed FROM aliases"
    " WHERE audience = :audience AND alias_hash = ANY(CAST(:hashes AS bytea[]))"
)
ALL_OF = text(
    "SELECT audience, generation, alias_sealed FROM participant_aliases WHERE participant_id = :participant"
    " ORDER BY audience, generation"
)
FORGET = text("DELETE FROM aliases WHERE alias_hash = ANY(CAST(:hashes AS bytea[]))")
FORGET_WAYS_BACK = text("DELETE FROM participant_aliases WHERE participant_id = :participant")


class ParticipantGone(LookupError):
    """Nobody who could be addressed: unknown, closed or erased."""


@dataclass(frozen=True, slots=True)
class Address:
    """One participant's alias at one audience."""

    audience: str
    generation: int
    alias: UUID


async def alias_of(session: AsyncSession, participant_id: UUID, audience: str) -> UUID:
    """The participant's newest alias at `audience`, drawn at the first call. Raises ParticipantGone."""
    try:
        return (await aliases_of(session, [participant_id], audience))[participant_id]
    except KeyError:
        raise ParticipantGone from None


async def aliases_of(
    session: AsyncSession, participants: Collection[UUID], audience: str
) -> dict[UUID, UUID]:
    """The newest alias of each participant at `audience`, drawn where missing; who left is left out."""
    found = await _newest(session, participants, audience)
    missing = [participant for participant in participants if participant not in found]
    if not missing:
        return found
    keys = keys_of(session)
    drawn = {participant: uuid4() for participant in missing}
    hashes = {participant: _hash(keys, audience, alias) for participant, alias in drawn.items()}
    await session.execute(
        GIVE,
        {
            "audience": audience,
            "generation": FIRST_GENERATION,
            "participants": missing,
            "sealed": [
                keys.seal(drawn[participant].bytes, WAY_BACK, _place(participant, audience, FIRST_GENERATION))
                for participant in missing
            ],
            "hashes": [hashes[participant] for participant in missing],
            "owners": [keys.seal(participant.bytes, OWNER, hashes[participant]) for participant in missing],
        },
    )
    return found | await _newest(session, missing, audience)


async def participant_of(session: AsyncSession, audience: str, alias: UUID) -> UUID | None:
    """Whose alias this is at this audience; None for an alias of another audience or of nobody."""
    return (await participants_of(session, audience, [alias])).get(alias)


async def participants_of(session: AsyncSession, audience: str, aliases: Iterable[UUID]) -> dict[UUID, UUID]:
    """`participant_of` for many, in one query: aliases that aren't of this audience are left out."""
    keys = keys_of(session)
    by_hash = {_hash(keys, audience, alias): alias for alias in aliases}
    rows = await session.execute(OWNERS, {"audience": audience, "hashes": list(by_hash)})
    return {
        by_hash[row.alias_hash]: UUID(bytes=keys.open(row.participant_sealed, OWNER, row.alias_hash))
        for row in rows
    }


async def all_of(session: AsyncSession, participant_id: UUID) -> list[Address]:
    """Every alias the participant ever had, of all generations."""
    keys = keys_of(session)
    rows = await session.execute(ALL_OF, {"participant": participant_id})
    return [
        Address(
            row.audience,
            row.generation,
            _open(keys, row.alias_sealed, participant_id, row.audience, row.generation),
        )
        for row in rows
    ]


async def forget(session: AsyncSession, participant_id: UUID) -> None:
    """From now on these aliases are nobody's: facts under them are refused."""
    keys = keys_of(session)
    addresses = await all_of(session, participant_id)
    await session.execute(FORGET, {"hashes": [_hash(keys, a.audience, a.alias) for a in addresses]})
    await session.execute(FORGET_WAYS_BACK, {"participant": participant_id})


async def _newest(session: AsyncSession, participants: Collection[UUID], audience: str) -> dict[UUID, UUID]:
    keys = keys_of(session)
    rows = await session.execute(NEWEST, {"audience": audience, "participants": list(participants)})
    return {
        row.participant_id: _open(keys, row.alias_sealed, row.participant_id, audience, row.generation)
        for row in rows
    }


def _hash(keys: Keys, audience: str, alias: UUID) -> bytes:
    return keyed_hash(keys.alias_key, "alias", audience, alias.bytes)


def _open(keys: Keys, sealed: bytes, participant: UUID, audience: str, generation: int) -> UUID:
    return UUID(bytes=keys.open(sealed, WAY_BACK, _place(participant, audience, generation)))


def _place(participant: UUID, audience: str, generation: int) -> bytes:
    return b":".join((participant.bytes, audience.encode(), str(generation).encode()))
