"""A name to be called by at one café, apart from the answers."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.events.models.base import Base


class CalledName(Base):
    """Sealed to its café. `owner` is a keyed hash of (café, alias), by which only its owner's request finds it."""

    __tablename__ = "called_names"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    gathering_id: Mapped[UUID]
    owner: Mapped[bytes]
    sealed: Mapped[bytes]
