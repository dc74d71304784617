"""CloudEvents 1.0 in Kafka's binary mode: the envelope in `ce_*` headers, the payload as JSON body."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

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
    def read(headers: dict[str, bytes]) -> "Envelope":
        """Raises EnvelopeError when a header is missing or unreadable."""

        def text(name: str) -> str:
            try:
                return headers[name].decode()
            except (KeyError, AttributeError, UnicodeDecodeError) as error:
                raise EnvelopeError(f"header {name} is missing or not UTF-8") from error

        if text("ce_specversion") != "1.0":
            raise EnvelopeError("header ce_specversion is not 1.0")
        try:
            event_id = UUID(text("ce_id"))
        except ValueError as error:
            raise EnvelopeError("header ce_id is not a UUID") from error
        try:
            time = datetime.fromisoformat(text("ce_time"))
        except ValueError as error:
            raise EnvelopeError("header ce_time is not a time") from error
        if time.tzinfo is None:
            raise EnvelopeError("header ce_time has no offset")
        return Envelope(event_id, text("ce_type"), text("ce_source"), time)
