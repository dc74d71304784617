"""Leaving: what identity knows of somebody goes at once, every service is told at a time of its own."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.policy import codes
from services.identity.switchboard import addresses, endings, studies
from shared import clock
from shared.contracts.topics import IDENTITY_AUDIENCES

AT_ONCE = timedelta()
TOKENS_END = timedelta(
    minutes=10
)  # a token's five minutes, clock skew, and what was written with the last one
CLOSED_WITHIN = timedelta(days=1)
RECEIPT_LENGTH = 16  # 80 bits
RECEIPT_LASTS = timedelta(days=90)
RECEIPT = "erasure receipt"

# In the order in which a new passphrase (credential, sessions) and a token exchange (session, participant) take them:
# otherwise one of the two would be ended as a deadlock.
LOCK_CREDENTIALS = text("SELECT FROM credentials WHERE participant_id = :participant ORDER BY id FOR UPDATE")
LOCK_SESSIONS = text(
    "SELECT FROM sessions WHERE participant_id = :participant ORDER BY family_hash FOR UPDATE"
)
LOCK = text("SELECT role FROM participants WHERE id = :participant FOR UPDATE")
NOTICES = text("DELETE FROM notices_held WHERE alias = ANY(CAST(:aliases AS uuid[]))")
PARTICIPANT = text(
    "DELETE FROM participants WHERE id = :participant"
)  # its credentials, sessions and consents too
CLOSE = text("UPDATE participants SET status = 'closed', research = false WHERE id = :participant")
SESSIONS = text("DELETE FROM sessions WHERE participant_id = :participant")
NOTE = text(
    "INSERT INTO erasure_receipts (id, receipt_hash, audience, erasure_sealed, expires_on)"
    " VALUES (:id, :receipt_hash, :audience, :erasure_sealed, :expires_on)"
)
LOOK = text(
    "SELECT id, audience, told_on, erasure_sealed FROM erasure_receipts WHERE receipt_hash = :receipt_hash AND expires_on >= :today"
    " ORDER BY audience"
)
FORGET = text("DELETE FROM erasure_receipts WHERE expires_on < :today")


@dataclass(frozen=True, slots=True)
class Told:
    """One service, and the day on which it was told to erase; None: not yet.

    `erasure_id`: of the forum alone, and once it was told: other regions have copies, and it knows what they say.
    """

    audience: str
    on: date | None
    erasure_id: UUID | None = None


async def erase(session: AsyncSession, participant_id: UUID, *, again: bool = False) -> str:
    """Erase somebody and return their receipt code, which is shown once and stored as a keyed hash only.

    The forum is told at once, other services each between their last token's end and seven days. From the commit on
    facts under the aliases are refused. `again`: of many at a time, after a restore, so the forum waits like the others.
    Raises addresses.ParticipantGone.
    """
    await _lock(session, participant_id)
    if not again:
        await endings.keep(session, participant_id, "erased")
    await studies.withdraw(session, participant_id)
    known = [address for address in await addresses.all_of(session, participant_id) if _is_told(address)]
    await session.execute(NOTICES, {"aliases": [a.alias for a in known if a.audience == "notifications"]})
    await addresses.forget(session, participant_id)
    await session.execute(PARTICIPANT, {"participant": participant_id})

    keys, receipt = keys_of(session), codes.draw(RECEIPT_LENGTH)
    for address in known:
        receipt_id, erasure_id = uuid4(), uuid4()
        await session.execute(
            NOTE,
            {
                "id": receipt_id,
                "receipt_hash": keys.hash_of(RECEIPT, codes.read(receipt)),
                "audience": address.audience,
                "erasure_sealed": keys.seal(erasure_id.bytes, RECEIPT, receipt_id),
                "expires_on": clock.today() + RECEIPT_LASTS,
            },
        )
        at_once = address.audience == "forum" and not again
        await endings.say_later(
            session,
            endings.AliasErased(
                audience=address.audience, alias=address.alias, erasure_id=erasure_id, receipt_id=receipt_id
            ),
            after=AT_ONCE if at_once else TOKENS_END,
            within=AT_ONCE if at_once else endings.WITHIN,
        )
    return receipt


async def close(session: AsyncSession, participant_id: UUID, *, again: bool = False) -> None:
    """End somebody's access: no session or token any more, and within a day each service hears it at its own time.

    `again`: after a restore. Raises addresses.ParticipantGone.
    """
    role = await _lock(session, participant_id)
    if not again:
        await endings.keep(session, participant_id, "closed")
    await studies.withdraw(session, participant_id)
    await session.execute(CLOSE, {"participant": participant_id})
    await session.execute(SESSIONS, {"participant": participant_id})
    for address in await addresses.all_of(session, participant_id):
        if _is_told(address):
            await endings.say_later(
                session,
                endings.AliasClosed(audience=address.audience, alias=address.alias, role=role),
                within=CLOSED_WITHIN,
            )


async def told(session: AsyncSession, receipt: str) -> list[Told]:
    """Which services were told to erase, by the receipt code as typed; empty for one that isn't known (any more)."""
    keys = keys_of(session)
    receipt_hash = keys.hash_of(RECEIPT, codes.read(receipt))
    rows = await session.execute(LOOK, {"receipt_hash": receipt_hash, "today": clock.today()})
    return [
        Told(
            row.audience,
            row.told_on,
            UUID(bytes=keys.open(row.erasure_sealed, RECEIPT, row.id))
            if row.audience == "forum" and row.told_on is not None
            else None,
        )
        for row in rows
    ]


async def forget_receipts(session: AsyncSession) -> None:
    """Drop receipts after their 90 days."""
    await session.execute(FORGET, {"today": clock.today()})


async def _lock(session: AsyncSession, participant_id: UUID) -> str:
    await session.flush()
    await session.execute(LOCK_CREDENTIALS, {"participant": participant_id})
    await session.execute(LOCK_SESSIONS, {"participant": participant_id})
    role: str | None = await session.scalar(LOCK, {"participant": participant_id})
    if role is None:
        raise addresses.ParticipantGone
    return role


def _is_told(address: addresses.Address) -> bool:
    return address.audience in IDENTITY_AUDIENCES
