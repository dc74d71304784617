"""What all payloads have in common."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

COUNTER_BITS = 16  # of a version: milliseconds since 1970 << 16 | counter


class Payload(BaseModel):
    """A frozen message body; `type` is its CloudEvents type: past tense, major version last.

    Unknown fields are ignored, so that a consumer outlives optional additions by a newer producer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: ClassVar[str]


class State(Payload):
    """The whole of an entity. `version` only grows: 64-bit, milliseconds << 16 | counter, of its one writer.

    `home` is the region that writes it. `erased` marks the last state, which has no content.
    """

    id: UUID | str
    home: str
    version: int
    erased: bool = False


class Fact(Payload):
    """Something that happened, told once; de-duplicated by the envelope's event id."""
