"""A session: opaque, bound to its client, with the level and time of its sign-in."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.keys import Keys
from services.identity.models.base import Base

FAMILY_BYTES = 16
SECRET_BYTES = 32


class Reused(Exception):
    """A rotated token came again too late: two hold it, so the whole family ends."""


@dataclass(frozen=True, slots=True, repr=False)
class SessionToken:
    """What a client holds: which family, and the secret of its present rotation."""

    family: bytes
    secret: bytes

    @classmethod
    def draw(cls) -> Self:
        return cls(secrets.token_bytes(FAMILY_BYTES), secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for anything that can't be one of ours."""
        try:
            raw = urlsafe_b64decode(text.encode("ascii"))
        except (NotBase64, ValueError):
            return None
        return (
            cls(raw[:FAMILY_BYTES], raw[FAMILY_BYTES:]) if len(raw) == FAMILY_BYTES + SECRET_BYTES else None
        )

    def __str__(self) -> str:
        return urlsafe_b64encode(self.family + self.secret).decode()

    def family_hash(self, keys: Keys) -> bytes:
        return keys.hash_of("session family", self.family)

    def hash(self, keys: Keys) -> bytes:
        return keys.hash_of("session token", self.family, self.secret)

    def successor(self, keys: Keys) -> Self:
        """Always the same for the same token: two requests at once get one successor, and it isn't stored."""
        return type(self)(self.family, keys.hash_of("session successor", self.family, self.secret))


class Session(Base):
    """One family of session tokens. A token of any earlier rotation is recognised by its family."""

    __tablename__ = "sessions"

    family_hash: Mapped[bytes] = mapped_column(primary_key=True)
    participant_id: Mapped[UUID] = mapped_column(ForeignKey("participants.id"))
    client_id: Mapped[str]
    level: Mapped[str]
    authenticated_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    token_hash: Mapped[bytes]
    predecessor_hash: Mapped[bytes | None]
    rotated_at: Mapped[datetime | None]

    @classmethod
    def open(
        cls,
        participant_id: UUID,
        client_id: str,
        token: SessionToken,
        keys: Keys,
        *,
        at: datetime,
        lasts: timedelta,
    ) -> Self:
        """A session by passphrase that starts now."""
        return cls(
            family_hash=token.family_hash(keys),
            participant_id=participant_id,
            client_id=client_id,
            level="passphrase",
            authenticated_at=at,
            expires_at=at + lasts,
            token_hash=token.hash(keys),
        )

    def is_of(self, client_id: str, at: datetime) -> bool:
        """Whether this client may use it, and it hasn't expired."""
        return self.client_id == client_id and at < self.expires_at

    def check(self, token: SessionToken, keys: Keys) -> None:
        """For a client whose session doesn't rotate. Raises Reused for any secret but the present one."""
        if not secrets.compare_digest(self.token_hash, token.hash(keys)):
            raise Reused

    def rotate(self, token: SessionToken, keys: Keys, *, at: datetime, grace: timedelta) -> SessionToken:
        """The successor of `token`; its predecessor gets the same one for `grace`. Raises Reused after that."""
        presented = token.hash(keys)
        successor = token.successor(keys)
        if secrets.compare_digest(self.token_hash, presented):
            self.predecessor_hash, self.token_hash, self.rotated_at = presented, successor.hash(keys), at
            return successor
        within_grace = self.rotated_at is not None and at < self.rotated_at + grace
        if within_grace and secrets.compare_digest(self.predecessor_hash or b"", presented):
            return successor
        raise Reused
