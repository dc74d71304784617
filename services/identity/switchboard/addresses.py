"""The only code that knows which alias is whose.

`aliases` holds a keyed hash of each alias → its participant, sealed; `participant_aliases` the alias, sealed,
for the way back. The keys stay outside the database and its backups; aliases are drawn, never derived.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.keys import SealingKeys, derive, keyed_hash

FIRST_GENERATION = 1

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
    "   ORDER BY p.id FOR KEY SHARE OF p),"
    " given AS (INSERT INTO participant_aliases (participant_id, audience, generation, alias_sealed)"
    "   SELECT participant_id, :audience, :generation, alias_sealed FROM drawn JOIN here USING (participant_id)"
    "   ORDER BY participant_id ON CONFLICT DO NOTHING RETURNING participant_id)"
    " INSERT INTO aliases (alias_hash, audience, generation, participant_sealed)"
    " SELECT alias_hash, :audience, :generation, participant_sealed FROM drawn JOIN given USING (participant_id)"
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
    """No such participant (any more)."""


@dataclass(frozen=True, slots=True)
class Address:
    """One participant's alias at one audience."""

    audience: str
    generation: int
    alias: UUID


class Addresses:
    """Reads and writes the join table under its keys."""

    def __init__(self, hash_secret: bytes, sealing: SealingKeys) -> None:
        self._hash_secret = hash_secret
        self.sealing = sealing

    @classmethod
    def under(cls, secret: bytes) -> "Addresses":
        """With keys for hashing and sealing, both made from identity's own secret."""
        return cls(derive(secret, "alias hashes"), SealingKeys({1: derive(secret, "alias seals")}))

    async def alias_of(self, session: AsyncSession, participant_id: UUID, audience: str) -> UUID:
        """The participant's newest alias at `audience`, drawn at the first call. Raises ParticipantGone."""
        try:
            return (await self.aliases_of(session, [participant_id], audience))[participant_id]
        except KeyError:
            raise ParticipantGone from None

    async def aliases_of(
        self, session: AsyncSession, participants: Collection[UUID], audience: str
    ) -> dict[UUID, UUID]:
        """The newest alias of each participant at `audience`, drawn where missing; who left is left out."""
        found = await self._newest(session, participants, audience)
        missing = [participant for participant in participants if participant not in found]
        if not missing:
            return found
        drawn = {participant: uuid4() for participant in missing}
        await session.execute(
            GIVE,
            {
                "audience": audience,
                "generation": FIRST_GENERATION,
                "participants": list(drawn),
                "sealed": [
                    self.sealing.seal(alias.bytes, _way_back(participant, audience, FIRST_GENERATION))
                    for participant, alias in drawn.items()
                ],
                "hashes": [self._hash(audience, alias) for alias in drawn.values()],
                "owners": [
                    self.sealing.seal(participant.bytes, _owner(self._hash(audience, alias)))
                    for participant, alias in drawn.items()
                ],
            },
        )
        return found | await self._newest(session, missing, audience)

    async def participant_of(self, session: AsyncSession, audience: str, alias: UUID) -> UUID | None:
        """Whose alias this is at this audience; None for an alias of another audience or of nobody."""
        return (await self.participants_of(session, audience, [alias])).get(alias)

    async def participants_of(
        self, session: AsyncSession, audience: str, aliases: Iterable[UUID]
    ) -> dict[UUID, UUID]:
        """`participant_of` for many, in one query: aliases that aren't of this audience are left out."""
        by_hash = {self._hash(audience, alias): alias for alias in aliases}
        rows = await session.execute(OWNERS, {"audience": audience, "hashes": list(by_hash)})
        return {
            by_hash[row.alias_hash]: UUID(
                bytes=self.sealing.open(row.participant_sealed, _owner(row.alias_hash))
            )
            for row in rows
        }

    async def all_of(self, session: AsyncSession, participant_id: UUID) -> list[Address]:
        """Every alias the participant ever had, of all generations."""
        rows = await session.execute(ALL_OF, {"participant": participant_id})
        return [
            Address(
                row.audience,
                row.generation,
                self._open_way_back(row.alias_sealed, participant_id, row.audience, row.generation),
            )
            for row in rows
        ]

    async def forget(self, session: AsyncSession, participant_id: UUID) -> None:
        """From now on these aliases are nobody's: facts under them are refused."""
        addresses = await self.all_of(session, participant_id)
        await session.execute(FORGET, {"hashes": [self._hash(a.audience, a.alias) for a in addresses]})
        await session.execute(FORGET_WAYS_BACK, {"participant": participant_id})

    async def _newest(
        self, session: AsyncSession, participants: Collection[UUID], audience: str
    ) -> dict[UUID, UUID]:
        rows = await session.execute(NEWEST, {"audience": audience, "participants": list(participants)})
        return {
            row.participant_id: self._open_way_back(
                row.alias_sealed, row.participant_id, audience, row.generation
            )
            for row in rows
        }

    def _open_way_back(self, sealed: bytes, participant: UUID, audience: str, generation: int) -> UUID:
        return UUID(bytes=self.sealing.open(sealed, _way_back(participant, audience, generation)))

    def _hash(self, audience: str, alias: UUID) -> bytes:
        return keyed_hash(self._hash_secret, "alias", audience, alias.bytes)


def _way_back(participant: UUID, audience: str, generation: int) -> bytes:
    return b"|".join((b"alias", participant.bytes, audience.encode(), str(generation).encode()))


def _owner(alias_hash: bytes) -> bytes:
    return b"participant|" + alias_hash
