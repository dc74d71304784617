"""Communities and gatherings: places and days, never people."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.payloads.payload import State


class CommunityRecorded(State):
    """A community, by the name its people use."""

    type: ClassVar[str] = "peercafe.events.community.recorded.v1"
    id: UUID
    name: str | None = None
    area: str | None = None
    open: bool = True


class GatheringRecorded(State):
    """A gathering with the number of members the consultant counted, if she has."""

    type: ClassVar[str] = "peercafe.events.gathering.recorded.v1"
    id: UUID
    community_id: UUID
    kind: Literal["cafe"] = "cafe"
    day: date | None = None
    cancelled: bool = False
    head_count: int | None = None
