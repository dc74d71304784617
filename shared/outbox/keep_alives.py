"""When which topic gets a keep-alive: daily where members' texts stand, hourly on the switchboard's way.

A Kafka segment rolls only when something is appended, so without them erased texts and handled records would
stay on the disk of a quiet partition (FIELD-NOTES, Erasing from Kafka). Our copies of neighbours' topics get them from
us: theirs don't come while a link is cut.
"""

import math
import time
from collections.abc import Iterable

from shared.contracts.topics import CATALOGUE, Topic
from shared.outbox.publisher import Publisher

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def interval_of(topic: Topic) -> float | None:
    """Seconds between two keep-alives, or None where none are needed."""
    if topic.switchboard:
        return HOUR
    return DAY if topic.text else None


class KeepAlives:
    """The keep-alives of one service's topics; the first are due at once: nobody knows when the last were.

    And of the copies of those topics that there are of `neighbours`.
    """

    def __init__(self, service: str, publisher: Publisher, neighbours: Iterable[str] = ()) -> None:
        self._publisher = publisher
        own = [topic for topic in CATALOGUE if topic.publisher == service]
        copies = [topic.mirrored_from(region) for region in neighbours for topic in own if topic.mirrored]
        self._due = {topic: 0.0 for topic in (*own, *copies) if interval_of(topic) is not None}

    def are_due(self) -> bool:
        """Whether any is."""
        return min(self._due.values(), default=math.inf) <= time.monotonic()

    async def send_due(self) -> None:
        """Publish those that are due. Raises what the publisher raises; that one is due again in a minute."""
        now = time.monotonic()
        for topic, due in self._due.items():
            if due <= now:
                self._due[topic] = (
                    now + MINUTE
                )  # not at once: rows of other topics must not wait for it each time
                await self._publisher.keep_alive(topic)
                self._due[topic] = now + (interval_of(topic) or DAY)
