"""What the forum consumes: its own shared topics (and its neighbours'), and what identity says of aliases."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.forum.digests.hearing import Hearing
from services.forum.ids import Home
from services.forum.replicas.applying import Replicas
from services.forum.settings import Settings
from services.forum.use_cases.leaving import change_members
from services.forum.use_cases.writers import Writers
from shared import clock
from shared.auth import TokenVerifier
from shared.bus.bus import Bus
from shared.bus.records import Received
from shared.bus.state import subscribe_state
from shared.contracts.payloads.identity import AudienceAlias
from shared.contracts.topics import (
    DIGESTS,
    ERASURES,
    IDENTITY_AUDIENCES,
    MODERATION,
    POSTS,
    PROFILES,
    REACTIONS,
    REPORTS,
    THREADS,
)

SHARED = (PROFILES, THREADS, POSTS, REACTIONS, MODERATION, REPORTS, ERASURES)


def subscribe(
    bus: Bus,
    settings: Settings,
    home: Home,
    replicas: Replicas,
    writers: Writers,
    verifier: TokenVerifier,
    heard: Callable[[], None],
) -> None:
    """Register the consumers. `heard` is called when a neighbour has told digests of its own."""
    secret = settings.secret.get_secret_value().encode()

    async def apply_aliases(session: AsyncSession, received: list[Received[Any]]) -> None:
        changes: list[AudienceAlias] = [record.payload for record in received]
        await change_members(session, home, secret, changes, clock.now())
        for change in changes:
            writers.forget(change.id)
        verifier.forget()

    subscribe_state(
        bus,
        *SHARED,
        group="forum.replicas",
        apply=replicas.apply,
        mirrored_from=settings.neighbours,
        reduced=False,  # an older version that came last must be seen
    )
    if settings.neighbours:
        hearing = Hearing(
            home,
            settings.neighbours,
            replicas.refused,
            timedelta(seconds=settings.digests_anyway_seconds / 2),
            heard,
        )
        subscribe_state(
            bus, DIGESTS, group="forum.digests", apply=hearing.apply, mirrored_from=settings.neighbours
        )
    subscribe_state(bus, IDENTITY_AUDIENCES["forum"], group="forum.aliases", apply=apply_aliases)
