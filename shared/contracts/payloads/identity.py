"""What identity tells one audience about one alias, and analytics about one study."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.payloads.payload import State

Role = Literal["member", "consultant", "provider", "analyst", "operator"]
Source = Literal["membership", "forum", "events"]


class AudienceAlias(State):
    """An alias of one audience: its role changed, or it was closed or erased."""

    type: ClassVar[str] = "peercafe.identity.alias.changed.v1"
    id: UUID
    role: Role | None = None
    closed: bool = False
    erasure_id: UUID | None = None


class StudyAlias(State):
    """A study alias of one source; erased on withdrawal or when its person leaves."""

    type: ClassVar[str] = "peercafe.identity.study-alias.changed.v1"
    id: UUID
    study_id: UUID
    source: Source


class EndingSealed(State):
    """That somebody left, was closed or withdrew: for identity alone, whose restored database does it again.

    `id` is drawn for this ending, `version` is always 1: it is said once, and a version would be a time. `sealed`
    (base64, under identity's own keys) says who and what, in as many bytes whatever it was.
    """

    type: ClassVar[str] = "peercafe.identity.ending.sealed.v1"
    id: UUID
    sealed: str


class StudyJourneys(State):
    """Counts over a closed study, published once.

    `counts`: people per path between forum and cafés. `rows`: engagement records released per source,
    by which analytics knows that it has received them all.
    """

    type: ClassVar[str] = "peercafe.identity.journeys.counted.v1"
    id: UUID
    counts: dict[str, int] = Field(default={})
    rows: dict[Source, int] = Field(default={})
