"""What proves who somebody is: credentials by kind, recovery codes, and what they agreed to."""

from datetime import date
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.keys import Keys
from services.identity.models.base import Base
from services.identity.policy import codes
from services.identity.policy.names import sign_in_key

PASSPHRASE = "passphrase"  # noqa: S105 - a kind of credential


def sign_in_name_hash(sign_in_name: str, keys: Keys) -> bytes:
    """By which a sign-in name is found: it stands nowhere itself."""
    return keys.hash_of("sign-in name", sign_in_key(sign_in_name))


def recovery_code_hash(code: str, keys: Keys) -> bytes:
    """By which a recovery code is found, however it was typed."""
    return keys.hash_of("recovery code", codes.read(code))


class Credential(Base):
    """One way of proving oneself. `identifier_hash` finds it, `verifier_sealed` checks what is presented."""

    __tablename__ = "credentials"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    participant_id: Mapped[UUID] = mapped_column(ForeignKey("participants.id"))
    kind: Mapped[str]
    identifier_hash: Mapped[bytes | None]
    verifier_sealed: Mapped[bytes]
    created_on: Mapped[date]

    @classmethod
    def passphrase(
        cls, participant_id: UUID, sign_in_name: str, verifier: str, keys: Keys, *, on: date
    ) -> Self:
        """`verifier` is the passphrase's argon2id hash; sealed, so that a stolen database can't be guessed at."""
        credential = cls(
            id=uuid4(),
            participant_id=participant_id,
            kind=PASSPHRASE,
            identifier_hash=sign_in_name_hash(sign_in_name, keys),
            created_on=on,
        )
        credential.change(verifier, keys, on=on)
        return credential

    def verifier(self, keys: Keys) -> str:
        """The passphrase's argon2id hash: another one for each passphrase chosen, even for the same once more."""
        return keys.open(self.verifier_sealed, PASSPHRASE, self.id).decode()

    def change(self, verifier: str, keys: Keys, *, on: date) -> None:
        """Another passphrase under the same sign-in name."""
        self.verifier_sealed = keys.seal(verifier.encode(), PASSPHRASE, self.id)
        self.created_on = on


class Consent(Base):
    """One statement: to take part, to research, or to the group agreement. Never changed, only followed by another."""

    __tablename__ = "consents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    participant_id: Mapped[UUID] = mapped_column(ForeignKey("participants.id"))
    kind: Mapped[str]
    version: Mapped[str]
    language: Mapped[str]
    given: Mapped[bool]
    stated_on: Mapped[date]
    position: Mapped[int]  # in the order stated: dates alone don't tell

    @classmethod
    def state(
        cls,
        participant_id: UUID,
        kind: str,
        version: str,
        language: str,
        given: bool,
        *,
        on: date,
        position: int,
    ) -> Self:
        return cls(
            id=uuid4(),
            participant_id=participant_id,
            kind=kind,
            version=version,
            language=language,
            given=given,
            stated_on=on,
            position=position,
        )
