"""Changing what proves who somebody is."""

from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.models.credentials import PASSPHRASE, Credential
from services.identity.use_cases.sessions import end_sessions
from shared import clock
from shared.api.callers import SignInNeeded
from shared.database import security_log


async def change_passphrase(
    session: AsyncSession,
    participant_id: UUID,
    verifier: str,
    *,
    event: Literal["passphrase-changed", "recovered"] = "passphrase-changed",
) -> None:
    """Another passphrase (its `verifier`) from now on; whoever was signed in by the old one no longer is.

    Raises SignInNeeded when the account was erased since the old one was looked at.
    """
    credential = await session.scalar(
        select(Credential)
        .where(Credential.participant_id == participant_id, Credential.kind == PASSPHRASE)
        .with_for_update()
    )
    if credential is None:
        raise SignInNeeded
    credential.change(verifier, keys_of(session), on=clock.today())
    await end_sessions(session, participant_id)
    await security_log.note(session, event, participant_id)
    await session.flush()
