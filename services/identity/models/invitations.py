"""An invitation: a code for one person, kept as a keyed hash and deleted when used."""

from datetime import date
from typing import Self
from uuid import UUID

from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Uuid

from services.identity.keys import Keys
from services.identity.models.base import Base
from services.identity.policy import codes


def invitation_hash(code: str, keys: Keys) -> bytes:
    """By which an invitation is found, however its code was typed."""
    return keys.hash_of("invitation", codes.read(code))


class Invitation(Base):
    """Good for one person until the end of `expires_on` (UTC).

    `same_as`: the forum profile that this consultant has in another region.
    """

    __tablename__ = "invitations"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID]
    made_by: Mapped[UUID | None]
    role: Mapped[str]
    communities: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    expires_on: Mapped[date]
    same_as: Mapped[UUID | None]

    @classmethod
    def of(
        cls,
        code: str,
        keys: Keys,
        *,
        batch_id: UUID,
        made_by: UUID | None,
        role: str,
        communities: list[UUID],
        expires_on: date,
        same_as: UUID | None = None,
    ) -> Self:
        return cls(
            code_hash=invitation_hash(code, keys),
            batch_id=batch_id,
            made_by=made_by,
            role=role,
            communities=communities,
            expires_on=expires_on,
            same_as=same_as,
        )
