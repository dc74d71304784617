"""Recovery codes: eight, each good once, shown once."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.errors import RecoveryFailed
from services.identity.keys import keys_of
from services.identity.models.credentials import recovery_code_hash
from services.identity.policy import codes
from services.identity.use_cases import proofs
from services.identity.use_cases.credentials import replace_passphrase

FORGET_CODES = text("DELETE FROM recovery_codes WHERE participant_id = :participant")
ADD_CODES = text("INSERT INTO recovery_codes (code_hash, participant_id) VALUES (:code, :participant)")
# Whoever deletes the code has used it.
USE = text(
    "DELETE FROM recovery_codes r USING participants p WHERE r.code_hash = :code"
    " AND r.participant_id = :participant AND p.id = r.participant_id AND p.status = 'active'"
    " RETURNING r.participant_id"
)


async def give_recovery_codes(session: AsyncSession, participant_id: UUID) -> list[str]:
    """Fresh codes; those given before are void. For whoever has the passphrase locked, or has just made it."""
    keys = keys_of(session)
    fresh = [codes.draw(codes.RECOVERY_LENGTH) for _ in range(codes.RECOVERY_CODES)]
    await session.execute(FORGET_CODES, {"participant": participant_id})
    await session.execute(
        ADD_CODES, [{"code": recovery_code_hash(code, keys), "participant": participant_id} for code in fresh]
    )
    return fresh


async def recover(
    session: AsyncSession, participant_id: UUID, recovery_code: str, verifier: str
) -> list[str]:
    """A new passphrase (its `verifier`) by a recovery code; every session ends. Answers fresh codes.

    Raises RecoveryFailed when the code was used, or the account ended, since it was looked up.
    """
    # Before the codes: two at once, each with a code of its own, would wait for one another.
    credential = await proofs.locked(session, participant_id)
    code_hash = recovery_code_hash(recovery_code, keys_of(session))
    used = await session.scalar(USE, {"code": code_hash, "participant": participant_id})
    if credential is None or used is None:
        raise RecoveryFailed
    await replace_passphrase(session, credential, verifier, "recovered")
    return await give_recovery_codes(session, participant_id)
