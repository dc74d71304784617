"""Changing what proves who somebody is."""

from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.models.credentials import Credential
from services.identity.queries import Verifier
from services.identity.use_cases import proofs
from services.identity.use_cases.sessions import end_sessions
from shared import clock
from shared.api.callers import SignInNeeded
from shared.database import security_log


async def change_passphrase(session: AsyncSession, checked: Verifier, verifier: str) -> None:
    """Another passphrase (its `verifier`) for somebody whose present one was just `checked`.

    Raises SignInNeeded when that was replaced meanwhile, or the account erased: they are signed out by now.
    """
    credential = await proofs.standing(session, checked)
    if credential is None:
        raise SignInNeeded
    await replace_passphrase(session, credential, verifier, "passphrase-changed")


async def replace_passphrase(
    session: AsyncSession,
    credential: Credential,
    verifier: str,
    event: Literal["passphrase-changed", "recovered"],
) -> None:
    """The `verifier` of another passphrase from now on; whoever was signed in by the old one no longer is.

    For whoever has `credential` locked.
    """
    credential.change(verifier, keys_of(session), on=clock.today())
    await end_sessions(session, credential.participant_id)
    await security_log.note(session, event, credential.participant_id)
    await session.flush()
