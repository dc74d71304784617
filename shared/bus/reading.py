"""From a raw Kafka record to a validated one, or to the reason why it is refused."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiokafka.structs import ConsumerRecord
from pydantic import ValidationError

from shared.bus.records import Received
from shared.contracts.envelope import EnvelopeError, read_headers
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import Topic

Raw: TypeAlias = ConsumerRecord  # keys and values as bytes

UNKNOWN_TYPE = "unknown-type"  # why a record waits until an upgrade
REPLY = "reply_to"  # by which FastStream is asked for an answer; no region's forum writes it


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that itself is at fault, and a code that says why without quoting it."""

    record: Raw
    topic: Topic
    error: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where records of one topic name come from."""

    topic: Topic
    origin: str | None  # the neighbour whose prefix the name bears
    readers: dict[str, Callable[[bytes], Payload]] = field(init=False, compare=False)  # by CloudEvents type
    place: tuple[str, str | None] = field(init=False, compare=False)  # the catalogue's name and the origin

    def __post_init__(self) -> None:
        # pydantic's core itself: this runs for every record.
        readers = {model.type: model.__pydantic_validator__.validate_json for model in self.topic.payloads}
        object.__setattr__(self, "readers", readers)
        object.__setattr__(self, "place", (self.topic.name, self.origin))

    @property
    def name(self) -> str:
        """The topic's name in our region's Kafka."""
        return self.topic.name if self.origin is None else f"{self.origin}.{self.topic.name}"


def read_all(
    records: Iterable[Raw], sources: Mapping[str, Source]
) -> tuple[list[Received[Any]], list[Refused]]:
    """Validate each record by itself. Keep-alives are passed over."""
    received: list[Received[Any]] = []
    refused: list[Refused] = []
    for record in records:
        source = sources[record.topic]
        try:
            valid = read(record, source)
        except EnvelopeError:
            refused.append(Refused(record, source.topic, "envelope"))
        except ValidationError:
            refused.append(Refused(record, source.topic, "payload"))
        except _Unreadable as error:
            refused.append(Refused(record, source.topic, error.code))
        else:
            if valid is not None:
                received.append(valid)
    return received, refused


def read(record: Raw, source: Source) -> Received[Any] | None:
    """One valid record, or None for a keep-alive.

    Raises EnvelopeError, ValidationError or _Unreadable.
    """
    headers = dict(record.headers)
    _, event_id, type_, _, time = read_headers(headers)
    if source.origin is not None and REPLY in headers:
        raise _Unreadable("reply-to")
    read_payload = source.readers.get(type_)
    if read_payload is None:
        if type_ == KEEP_ALIVE:
            return None
        raise _Unreadable(UNKNOWN_TYPE)
    body = record.value
    if body is None:
        raise _Unreadable("no-body")
    if record.key is None:
        raise _Unreadable("no-key")
    try:
        key = record.key.decode()
    except UnicodeDecodeError:
        raise _Unreadable("key") from None
    topic, origin = source.place
    payload = read_payload(body)
    values = topic, origin, record.partition, record.offset, key, event_id, type_, time, payload, body
    return tuple.__new__(Received, values)  # the named tuple's own is Python: this runs for every record


class _Unreadable(ValueError):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
