"""Recovery codes: eight, each good once, shown once."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.errors import RecoveryFailed
from services.identity.keys import Keys, keys_of
from services.identity.models.credentials import sign_in_name_hash
from services.identity.policy import codes
from services.identity.use_cases.credentials import change_passphrase

FORGET_CODES = text("DELETE FROM recovery_codes WHERE participant_id = :participant")
ADD_CODES = text("INSERT INTO recovery_codes (code_hash, participant_id) VALUES (:code, :participant)")
# Whoever deletes the code has used it.
USE = text(
    "DELETE FROM recovery_codes r USING credentials c, participants p"
    " WHERE r.code_hash = :code AND c.participant_id = r.participant_id AND p.id = r.participant_id"
    " AND c.kind = 'passphrase' AND c.identifier_hash = :name AND p.status = 'active'"
    " RETURNING r.participant_id"
)


def _hash(code: str, keys: Keys) -> bytes:
    return keys.hash_of("recovery code", codes.read(code))


async def give_recovery_codes(session: AsyncSession, participant_id: UUID) -> list[str]:
    """Fresh codes; those given before are void."""
    keys = keys_of(session)
    fresh = [codes.draw(codes.RECOVERY_LENGTH) for _ in range(codes.RECOVERY_CODES)]
    await session.execute(FORGET_CODES, {"participant": participant_id})
    await session.execute(
        ADD_CODES, [{"code": _hash(code, keys), "participant": participant_id} for code in fresh]
    )
    return fresh


async def recover(session: AsyncSession, sign_in_name: str, recovery_code: str, verifier: str) -> list[str]:
    """A new passphrase (its `verifier`) by a recovery code; every session ends. Answers fresh codes.

    Raises RecoveryFailed: wrong name, wrong code and suspended alike.
    """
    keys = keys_of(session)
    participant_id = await session.scalar(
        USE, {"code": _hash(recovery_code, keys), "name": sign_in_name_hash(sign_in_name, keys)}
    )
    if participant_id is None:
        raise RecoveryFailed
    await change_passphrase(session, participant_id, verifier, event="recovered")
    return await give_recovery_codes(session, participant_id)
