"""Checking who somebody is: slowed at a name, and as long for nobody as for somebody.

Verifiers are read in a transaction of their own, which ends before argon2 begins: a queue for the hashing threads must
hold no connection, and outlast no `transaction_timeout`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity import queries
from services.identity.errors import SignInFailed, WrongPassphrase
from services.identity.keys import Keys
from services.identity.models.credentials import sign_in_name_hash
from services.identity.passphrases import Passphrases
from services.identity.switchboard import addresses
from services.identity.throttle import Throttle
from shared.api.callers import SignInNeeded


class Authentication:
    """What sign-in, recovery and sensitive steps ask before anything is changed."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        keys: Keys,
        throttle: Throttle,
        passphrases: Passphrases,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self.throttle = throttle
        self.passphrases = passphrases

    async def by_passphrase(self, sign_in_name: str, passphrase: str) -> UUID:
        """Whose they are. Raises Busy, SlowDown, or SignInFailed for wrong name, wrong passphrase and suspended alike."""
        name_hash = sign_in_name_hash(sign_in_name, self._keys)
        async with self._looking(name_hash):
            async with self._sessions() as session:
                found = await queries.verifier_by_name(session, name_hash)
            fits = await self.passphrases.verify(found.hash if found else None, passphrase)
            if found is None or not fits or not found.active:
                raise SignInFailed
            return found.participant_id

    async def confirm(self, alias: UUID, passphrase: str) -> UUID:
        """The bearer of identity's `alias`, who gave their passphrase again.

        Raises Busy, SlowDown, WrongPassphrase, or SignInNeeded when the account is no longer active.
        """
        name = self._keys.hash_of("confirming", alias.bytes)
        async with self._looking(name):
            async with self._sessions() as session:
                participant_id = await addresses.participant_of(session, "identity", alias)
                found = None if participant_id is None else await queries.verifier_of(session, participant_id)
            if found is None or not found.active:
                raise SignInNeeded
            if not await self.passphrases.verify(found.hash, passphrase):
                raise WrongPassphrase
            return found.participant_id

    @asynccontextmanager
    async def _looking(self, name_hash: bytes) -> AsyncIterator[None]:
        with self.passphrases.place():
            async with self.throttle.attempt(name_hash):
                yield
