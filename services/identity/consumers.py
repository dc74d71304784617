"""What identity hears: communities, studies, and the facts that cross the switchboard.

A consumer group of its own per source: no group's offsets, inbox rows or dead letters join two sources.
"""

from functools import partial

from services.identity.switchboard import communities, engagement, notices, studies
from services.identity.switchboard.board import Switchboard
from services.identity.switchboard.runners import activity_group, notices_group
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.bus.state import subscribe_state
from shared.contracts.topics import ACTIVITY, COMMUNITIES, NOTICES_REQUESTED, STUDIES


def subscribe(bus: Bus, board: Switchboard) -> None:
    """All subscriptions of identity, before the bus starts."""
    subscribe_state(bus, COMMUNITIES, group="identity.communities", apply=communities.apply)
    subscribe_state(bus, STUDIES, group="identity.studies", apply=studies.apply)
    for source, topic in NOTICES_REQUESTED.items():
        subscribe_facts(
            bus, topic, group=notices_group(source), apply=partial(notices.hold, board=board, source=source)
        )
    for source, topic in ACTIVITY.items():
        subscribe_facts(
            bus,
            topic,
            group=activity_group(source),
            apply=partial(engagement.hold, board=board, source=source),
        )
