"""Whether what somebody was checked by still stands: argon2 takes its time, and meanwhile another request may replace
the passphrase or erase the account.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.models.credentials import PASSPHRASE, Credential
from services.identity.queries import Verifier


async def locked(session: AsyncSession, participant_id: UUID, *, shared: bool = False) -> Credential | None:
    """A participant's passphrase, which nobody replaces until this transaction ends; None: they have left.

    `shared`: others may hold it so, too.
    """
    return await session.scalar(
        select(Credential)
        .where(Credential.participant_id == participant_id, Credential.kind == PASSPHRASE)
        .with_for_update(read=shared)
    )


async def standing(session: AsyncSession, checked: Verifier, *, shared: bool = False) -> Credential | None:
    """The passphrase, `locked`, if `checked` is still its verifier."""
    credential = await locked(session, checked.participant_id, shared=shared)
    if credential is None or credential.verifier(keys_of(session)) != checked.hash:
        return None
    return credential
