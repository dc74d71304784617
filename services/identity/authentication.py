"""Checking who somebody is: slowed at a name, and as long for nobody as for somebody.

Verifiers are read in a transaction of their own, which ends before argon2 begins: a queue for the hashing threads must
hold no connection, and outlast no `transaction_timeout`. What is done then looks whether they still stand (`proofs`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity import queries
from services.identity.errors import RecoveryFailed, SignInFailed, WrongPassphrase
from services.identity.keys import Keys
from services.identity.models.credentials import recovery_code_hash, sign_in_name_hash
from services.identity.passphrases import Passphrases
from services.identity.queries import Verifier
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
        self._throttle = throttle
        self.passphrases = passphrases

    async def by_passphrase(self, sign_in_name: str, passphrase: str) -> Verifier:
        """What they were checked by. Raises Busy, SlowDown, or SignInFailed for wrong name, wrong passphrase and suspended alike."""
        name_hash = sign_in_name_hash(sign_in_name, self._keys)
        async with self._looking(name_hash):
            async with self._sessions() as session:
                found = await queries.verifier_by_name(session, name_hash)
            fits = await self.passphrases.verify(found.hash if found else None, passphrase)
            if found is None or not fits or not found.active:
                raise SignInFailed
            return found

    async def confirm(self, alias: UUID, passphrase: str) -> Verifier:
        """What the bearer of identity's `alias` was checked by, who gave their passphrase again.

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
            return found

    @asynccontextmanager
    async def by_recovery_code(self, sign_in_name: str, code: str) -> AsyncIterator[UUID]:
        """Whose they are, for a block that recovers. Raises Busy, SlowDown, or RecoveryFailed for any that don't fit.

        Slowed by name and code together: by the name alone, whoever knows it could keep its owner's codes useless.
        There are too many codes to be guessed, and a wrong one is worth no hashing.
        """
        name_hash = sign_in_name_hash(sign_in_name, self._keys)
        code_hash = recovery_code_hash(code, self._keys)
        async with self._looking(self._keys.hash_of("recovering", name_hash, code_hash)):
            async with self._sessions() as session:
                participant_id = await queries.recovery_code_of(session, name_hash, code_hash)
            if participant_id is None:
                raise RecoveryFailed
            yield participant_id
            await self._throttle.forget(name_hash)  # so that they can sign in at once

    @asynccontextmanager
    async def _looking(self, name_hash: bytes) -> AsyncIterator[None]:
        with self.passphrases.place():
            async with self._throttle.attempt(name_hash):
                yield
