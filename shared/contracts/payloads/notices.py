"""Notices say a category and an urgency, nothing else. The person is the record's key."""

from typing import ClassVar, Literal

from shared.contracts.payloads.payload import Fact

Category = Literal["replies", "moderation", "cafes"]
Urgency = Literal["ordinary", "soon"]


class NoticeRequested(Fact):
    """Something new of a category, under the source's alias."""

    type: ClassVar[str] = "peercafe.notice.requested.v1"
    category: Category
    urgency: Urgency = "ordinary"


class NoticeLooked(Fact):
    """The member looked at what was new of a category, under the source's alias."""

    type: ClassVar[str] = "peercafe.notice.looked.v1"
    category: Category


class NoticeAddressed(Fact):
    """Something new of a category, under the notifications alias."""

    type: ClassVar[str] = "peercafe.notice.addressed.v1"
    category: Category
    urgency: Urgency = "ordinary"


class NoticeSettled(Fact):
    """Nothing of the category is new any more, under the notifications alias."""

    type: ClassVar[str] = "peercafe.notice.settled.v1"
    category: Category
