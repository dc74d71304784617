"""A member's answer to a café."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.events.errors import NotTheDay
from services.events.models.base import Base
from services.events.models.gatherings import Gathering

Wish = Literal["come", "maybe", "not-this-time", "not-today"]
WISHES: tuple[Wish, ...] = get_args(Wish)
LIKELY: tuple[Wish, ...] = ("come", "maybe")


class Answer(Base):
    """`position` is the place on the waiting list, None for whoever has a place (or needs none).

    `revision` is the gathering's when this was said: lower means it changed since. `place_came`: from the waiting
    list, and not answered since.
    """

    __tablename__ = "answers"

    gathering_id: Mapped[UUID] = mapped_column(primary_key=True)
    alias: Mapped[UUID] = mapped_column(primary_key=True)
    answer: Mapped[str]
    position: Mapped[int | None]
    revision: Mapped[int]
    place_came: Mapped[bool]

    @property
    def has_place(self) -> bool:
        return self.answer == "come" and self.position is None

    @property
    def waits(self) -> bool:
        return self.position is not None

    @property
    def declines(self) -> bool:
        return self.answer not in LIKELY

    def say(self, wish: Wish, gathering: Gathering, at: datetime) -> bool:
        """Change one's mind, to the last minute. Returns whether a place came free.

        Raises NotTheDay for `not-today` before the day, GatheringIsCancelled, GatheringIsOver.
        """
        gathering.refuse_if_gone(at)
        if wish == "not-today" and not gathering.is_today(at):
            raise NotTheDay()
        freed = self.has_place and wish != "come"
        self.answer = wish
        self.revision = gathering.revision
        self.place_came = False
        if wish != "come":
            self.position = None
        return freed
