"""Notices change their address: in under the alias of forum or events, out under that of notifications.

A row is held per alias and category until the release; equal notices become one, and *looked* takes back what was
asked before it. Neither time, text nor id of what came is part of what leaves.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard.addresses import aliases_of
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.releases import BATCH, shuffled
from services.identity.switchboard.senders import senders_of
from shared import clock
from shared.bus.records import Received
from shared.contracts.payloads.notices import NoticeAddressed, NoticeLooked, NoticeRequested, NoticeSettled
from shared.contracts.payloads.payload import Payload
from shared.contracts.topics import NOTICES_ADDRESSED, NOTICES_REQUESTED, TimeCut
from shared.outbox import add as outbox

AUDIENCE = "notifications"
OLDEST = timedelta(days=1)
SPAN = {TimeCut.NONE: timedelta(), TimeCut.MINUTE: timedelta(minutes=1), TimeCut.DAY: timedelta(days=1)}

# GREATEST passes over NULL, and 'soon' is greater than 'ordinary'.
HOLD = text(
    "INSERT INTO notices_held AS held (alias, category, settles, urgency, asked_at, due_at)"
    " SELECT alias, category, settles, urgency, asked_at, :due_at FROM unnest(CAST(:aliases AS uuid[]),"
    "   CAST(:categories AS text[]), CAST(:settles AS boolean[]), CAST(:urgencies AS text[]),"
    "   CAST(:asked AS timestamptz[])) AS t (alias, category, settles, urgency, asked_at)"
    " ORDER BY alias, category"
    " ON CONFLICT (alias, category) DO UPDATE SET settles = held.settles OR excluded.settles,"
    "   urgency = CASE WHEN excluded.settles THEN excluded.urgency"
    "     ELSE GREATEST(held.urgency, excluded.urgency) END,"
    "   asked_at = GREATEST(held.asked_at, excluded.asked_at)"
)
TAKE = text(
    "DELETE FROM notices_held WHERE (alias, category) IN ("
    "   SELECT alias, category FROM notices_held WHERE due_at <= :now"
    "   ORDER BY alias, category LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " RETURNING alias, category, settles, urgency, asked_at"
)


@dataclass(slots=True)
class _Held:
    settles: bool = False
    urgency: str | None = None
    asked_at: datetime | None = None

    def add(self, notice: NoticeRequested | NoticeLooked, asked_at: datetime) -> None:
        self.asked_at = asked_at
        if isinstance(notice, NoticeLooked):
            self.settles, self.urgency = True, None
        elif self.urgency != "soon":
            self.urgency = notice.urgency


async def hold(
    session: AsyncSession,
    received: list[Received[NoticeRequested | NoticeLooked]],
    *,
    board: Switchboard,
    source: str,
) -> None:
    """Hold notices of one source until the next release; those under an alias that isn't the source's are refused."""
    senders = await senders_of(session, source, received)
    recipients = await aliases_of(session, set(senders.values()), AUDIENCE)
    oldest, due_at = clock.now() - OLDEST, board.next_notices_tick()
    span = SPAN[NOTICES_REQUESTED[source].time_cut]
    notices = defaultdict[tuple[UUID, str], _Held](_Held)
    for record in received:
        recipient = recipients.get(senders[record.event_id]) if record.event_id in senders else None
        # Times are cut to their minute's or day's start: at midnight a notice of tonight isn't a day old. Nor does
        # the row say when the notice came: only in which minute or day, and before which release.
        asked_at = min(due_at, record.time + span)
        if recipient is not None and asked_at > oldest:
            notices[recipient, record.payload.category].add(record.payload, asked_at)
    if notices:
        held = list(notices.values())
        await session.execute(
            HOLD,
            {
                "due_at": due_at,
                "aliases": [alias for alias, _ in notices],
                "categories": [category for _, category in notices],
                "settles": [notice.settles for notice in held],
                "urgencies": [notice.urgency for notice in held],
                "asked": [notice.asked_at for notice in held],
            },
        )


async def release(session: AsyncSession) -> int:
    """Publish a batch of what is due; returns how many rows it took."""
    now = clock.now()
    taken = (await session.execute(TAKE, {"now": now, "batch": BATCH})).all()
    await outbox.add_all(
        session,
        NOTICES_ADDRESSED,
        [
            (row.alias, notice)
            for row in shuffled(taken)
            for notice in _notices_of(row, fresh=row.asked_at > now - OLDEST)
        ],
    )
    return len(taken)


def _notices_of(row: Row[tuple[object, ...]], *, fresh: bool) -> Iterator[Payload]:
    # In this order: what was asked after somebody looked is new to them.
    if row.settles:
        yield NoticeSettled(category=row.category)
    if row.urgency is not None and fresh:
        yield NoticeAddressed(category=row.category, urgency=row.urgency)
