"""A record as a service's use cases see it: validated, with Kafka left behind."""

from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.contracts.payloads.payload import Payload

P = TypeVar("P", bound=Payload)


class Unstorable(Exception):
    """What a record says can't be made into what is stored: raised by whoever applies it, its cause beside it."""


class Received(NamedTuple, Generic[P]):
    """One valid record.

    `topic` is the catalogue's name; `origin` the neighbour whose prefix it bore (None: our own region).
    `time` is the envelope's, cut by its topic. `body` is the JSON as it came, for tables that keep it.
    """

    topic: str
    origin: str | None
    partition: int
    offset: int
    key: str
    event_id: UUID
    type: str
    time: datetime
    payload: P
    body: bytes
