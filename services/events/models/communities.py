"""A community: the place where people meet, by the name they use for it."""

import unicodedata
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from services.events.models.base import Base
from services.events.policy.wall_time import midnight
from shared.contracts.payloads.events import CommunityRecorded
from shared.hlc import next_version


def name_key(name: str) -> str:
    """Two names that people would read as the same have the same key."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class Community(Base):
    __tablename__ = "communities"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    area: Mapped[str]
    open: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)

    @classmethod
    def of(cls, name: str, area: str, at: datetime) -> "Community":
        """A new, open community; `at` aware UTC, of which the day is kept in the version."""
        return cls(
            id=uuid4(),
            name=name,
            name_key=name_key(name),
            area=area,
            open=True,
            version=next_version(None, midnight(at.date())),
        )

    def recorded(self, home: str) -> CommunityRecorded:
        """What other services are told."""
        return CommunityRecorded(
            id=self.id, home=home, version=self.version, name=self.name, area=self.area, open=self.open
        )
