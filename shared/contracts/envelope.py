"""CloudEvents 1.0 in Kafka's binary mode: the envelope in `ce_*` headers, the payload as JSON body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

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
        _, event_id, type_, source, time = read_headers(headers)
        return Envelope(event_id, type_, source, time)


# The headers by which a record is read, and their decoded values.
NAMES = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time")
# Whatever its offset, in UTC it is a time as well; of the years 1 and 9999 not all are.
Time: TypeAlias = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))
]
Decoded: TypeAlias = tuple[Literal[b"1.0"], UUID, str, str, Time]

_of = itemgetter(*NAMES)
_decode = TypeAdapter(Decoded).validator.validate_python


def read_headers(headers: Mapping[str, bytes | None]) -> Decoded:
    """The envelope's headers, decoded at once in pydantic's core: this runs for every record.

    Raises EnvelopeError when one is missing or unreadable.
    """
    try:
        decoded: Decoded = _decode(_of(headers))
    except KeyError as missing:
        raise EnvelopeError(f"header {missing.args[0]} is missing") from None
    except ValidationError as error:
        place = error.errors(include_input=False, include_context=False)[0]["loc"][0]
        raise EnvelopeError(f"header {NAMES[int(place)]} is unreadable") from None
    return decoded
