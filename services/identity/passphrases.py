"""Passphrases: argon2id in threads of its own, and what is too easy to guess."""

import asyncio
import secrets
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.identity.errors import PassphraseTooCommon, PassphraseTooLong, PassphraseTooShort
from services.identity.policy.names import sign_in_key
from services.identity.settings import Settings
from shared.api.problems import Busy

MAX_LENGTH = 200
FEWEST_DIFFERENT = 4  # characters: "aaaaaaaaaaaa" is long, and guessed at once
BUSY_SECONDS = 5  # until somebody who wasn't let into the queue may try again
_DECORATION = "0123456789!?.,-_*#@$ "


@cache
def common() -> frozenset[str]:
    """The 30,000 most used passwords, as zxcvbn ships them."""
    return frozenset(FREQUENCY_LISTS["passwords"])


def normal(passphrase: str) -> str:
    """One form for what different keyboards send for the same characters (NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", passphrase)


class Passphrases:
    """Hashes and verifies off the event loop: 64 MiB and about a sixth of a second each, a few at a time."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_lanes
        )
        self._min_length = settings.passphrase_min_length
        self._places, self._taken = settings.argon2_queue, 0
        self._threads = ThreadPoolExecutor(settings.argon2_threads, thread_name_prefix="argon2")
        self._nobodys = self._hasher.hash(secrets.token_hex(16))

    def check(self, passphrase: str, sign_in_name: str) -> None:
        """Raises PassphraseTooShort, PassphraseTooLong or PassphraseTooCommon."""
        chosen = normal(passphrase)
        if len(chosen) < self._min_length:
            raise PassphraseTooShort
        if len(chosen) > MAX_LENGTH:
            raise PassphraseTooLong
        folded = chosen.casefold()
        if (
            folded in common()
            or folded.strip(_DECORATION) in common()
            or len(set(folded)) < FEWEST_DIFFERENT
            or sign_in_key(folded) == sign_in_key(sign_in_name)
        ):
            raise PassphraseTooCommon

    async def hash(self, passphrase: str) -> str:
        """The verifier to keep: argon2id with its parameters and salt. For whoever has a `place`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, normal(passphrase))

    async def verify(self, verifier: str | None, passphrase: str) -> bool:
        """Whether they fit. Takes as long when there is no verifier (nobody has that name).

        For whoever has a `place`.
        """
        loop = asyncio.get_running_loop()
        checked = verifier or self._nobodys
        return await loop.run_in_executor(self._threads, self._verify, checked, normal(passphrase))

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in argon2's queue, before a try is counted as one. Raises Busy when there is none.

        Each who waits holds a connection: without an end to the queue they would hold them all.
        """
        if self._taken >= self._places:
            raise Busy(headers={"Retry-After": str(BUSY_SECONDS)})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    def _verify(self, verifier: str, passphrase: str) -> bool:
        try:
            return self._hasher.verify(verifier, passphrase)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
