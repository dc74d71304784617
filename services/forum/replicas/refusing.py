"""What no region may say is refused: noted without text, and counted once it is noted."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.rules.believing import fault_of
from shared.bus.records import Received
from shared.contracts.payloads.payload import State
from shared.database import security_log

S = TypeVar("S", bound=State)
Refusals = Counter[tuple[str, str, str]]  # by neighbour ("" for our own), topic and fault


class Refused(NamedTuple):
    """One record. `subject`: the entity that it claims to be about."""

    origin: str
    topic: str
    fault: str
    subject: UUID | None


def judge(
    received: Sequence[Received[S]], region: str, neighbours: Collection[str]
) -> tuple[list[Received[S]], list[Refused]]:
    """Those of a batch that this `region` believes, and the others."""
    genuine: list[Received[S]] = []
    refused: list[Refused] = []
    for record in received:
        state = record.payload
        fault = fault_of(state, key=record.key, origin=record.origin, region=region, neighbours=neighbours)
        if fault is None:
            genuine.append(record)
        else:
            refused.append(Refused(record.origin or "", record.topic, fault, _subject_of(state)))
    return genuine, refused


async def refuse(session: AsyncSession, refused: Sequence[Refused], counted: Refusals) -> None:
    """Note them in the caller's transaction; counted when that is committed, since batches are tried again, also by halves."""
    if not refused:
        return
    lines = [security_log.Line(f"record-refused-{one.fault}", subject=one.subject) for one in refused]
    await security_log.note_all(session, lines)

    def count(_session: object) -> None:
        counted.update((one.origin, one.topic, one.fault) for one in refused)

    event.listen(session.sync_session, "after_commit", count, once=True)


def _subject_of(state: State) -> UUID | None:
    subject = getattr(state, "target_id", None) or getattr(state, "erasure_id", None) or state.id
    return subject if isinstance(subject, UUID) else None
