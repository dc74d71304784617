"""A guest: an alias that has written here, or of which identity said that it is closed or erased."""

from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from services.events.models.base import Base


class Guest(Base):
    """Role and communities as the last write's token had them; `version` is identity's last word about the alias."""

    __tablename__ = "guests"

    alias: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    communities: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    closed: Mapped[bool]
    erased: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)
