"""CloudEvents 1.0 in Kafka's binary mode: the envelope in `ce_*` headers, the payload as JSON body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from typing_extensions import TypedDict

Headers = list[tuple[str, bytes]]


class EnvelopeError(ValueError):
    """A record without a readable envelope; says which header, never its value."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who says what happened when. `time` is aware, already cut to what its topic may tell."""

    event_id: UUID
    type: str
    source: str  # "peercafe/<service>", nothing finer
    time: datetime

    def headers(self) -> Headers:
        """The only headers a record of ours bears: no correlation, no trace."""
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(self.event_id).encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", self.time.astimezone(UTC).isoformat(timespec="milliseconds").encode()),
            ("content-type", b"application/json"),
        ]

    @staticmethod
    def read(headers: Mapping[str, bytes | None]) -> "Envelope":
        """The envelope of a record. Raises EnvelopeError when a header is missing or unreadable."""
        found = read_headers(headers)
        return Envelope(found["ce_id"], found["ce_type"], found["ce_source"], found["ce_time"])


class EnvelopeHeaders(TypedDict):
    """The headers by which a record is read."""

    ce_specversion: Literal[b"1.0"]
    ce_id: UUID
    ce_type: str
    ce_source: str
    ce_time: AwareDatetime


_decode = TypeAdapter(EnvelopeHeaders).validator.validate_python


def read_headers(headers: Mapping[str, bytes | None]) -> EnvelopeHeaders:
    """The envelope's headers, decoded at once in pydantic's core: this runs for every record.

    Raises EnvelopeError when one is missing or unreadable.
    """
    try:
        decoded: EnvelopeHeaders = _decode(headers)
    except ValidationError as error:
        name = error.errors(include_input=False, include_context=False)[0]["loc"][0]
        raise EnvelopeError(f"header {name} is missing or unreadable") from None
    return decoded
