"""Acts that a study may count. The person is the record's key, under the source's own alias."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.payloads.payload import Fact


class PostWritten(Fact):
    """A member wrote an opening or a reply."""

    type: ClassVar[str] = "peercafe.forum.post.written.v1"


class ThreadViewed(Fact):
    """A member viewed a thread."""

    type: ClassVar[str] = "peercafe.forum.thread.viewed.v1"


class CafeAttended(Fact):
    """A member checked in at a café; which one stays in events."""

    type: ClassVar[str] = "peercafe.events.cafe.attended.v1"
    day: date


class EngagementRecorded(Fact):
    """One act under a study alias (the record's key), by day."""

    type: ClassVar[str] = "peercafe.identity.engagement.recorded.v1"
    study_id: UUID
    kind: Literal["member", "post", "view", "attendance"]
    day: date
