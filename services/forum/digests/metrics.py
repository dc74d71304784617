"""What digests say, in numbers for operators: whether each neighbour has what we wrote, and whether it is heard."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum.replicas.marking import KIND_OF
from services.forum.replicas.refusing import Refusals
from shared import clock
from shared.bus.batches import Consumer
from shared.bus.reading import UNKNOWN_TYPE
from shared.database.faults import ERRORS
from shared.telemetry import catalogue
from shared.telemetry.families import Family, Labels, counter, gauge

DATABASE_AWAY = (*ERRORS, OSError)
COMPARED = text(
    "SELECT region, kind, CASE WHEN alarmed THEN 'alarmed' ELSE verdict END AS state, count(*) AS buckets,"
    " sum(repaired) AS repaired, max(compared_at) AS compared_at"
    " FROM digest_comparisons WHERE region = ANY (:regions) GROUP BY 1, 2, 3"
)
UNSUMMED = text(
    "SELECT kind, count(DISTINCT bucket) AS buckets FROM buckets_to_sum WHERE failing_since IS NOT NULL GROUP BY kind"
)
HEARD = text("SELECT region, heard_at FROM digest_regions WHERE region = ANY (:regions)")
STATES = ("same", "behind", "different", "alarmed")
TOPIC_OF = {kind: topic for topic, kind in KIND_OF.items()}


class Told:
    """The families of federation; nothing in a region without neighbours."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        refused: Refusals,
        consumers: Mapping[str, Consumer],
        neighbours: Collection[str],
    ) -> None:
        self._sessions = sessions
        self._refused = refused
        self._consumers = consumers
        self._neighbours = sorted(neighbours)

    async def look(self) -> Iterable[Family]:
        """Ask the database."""
        if not self._neighbours:
            return []
        refused: dict[Labels, float] = dict((self._refused + self._set_aside()).items())
        told = [counter(catalogue.FEDERATION_REFUSED, refused)]
        with suppress(*DATABASE_AWAY):
            told += await self._compared()
            told.append(await self._unsummed())
        return told

    def _set_aside(self) -> Refusals:
        """What wasn't even readable. An unknown type isn't anybody's fault: it waits for a release that knows it."""
        return Refusals({
            (source.origin, source.topic.name, reason): count
            for consumer in self._consumers.values()
            for (topic, reason), count in consumer.refused.items()
            if reason != UNKNOWN_TYPE and (source := consumer.sources[topic]).origin is not None
        })  # fmt: skip

    async def _compared(self) -> Iterable[Family]:
        buckets: dict[Labels, float] = {}
        repaired: dict[Labels, float] = defaultdict(float)
        compared: dict[Labels, float] = {}
        async with self._sessions() as session:
            asked = {"regions": self._neighbours}
            for row in await session.execute(COMPARED, asked):
                place = row.region, TOPIC_OF[row.kind]
                for state in STATES:
                    buckets.setdefault((*place, state), 0)
                buckets[*place, row.state] = row.buckets
                repaired[place] += int(row.repaired)
                ago = _seconds(row.compared_at)
                compared[place] = min(ago, compared.get(place, ago))
            heard: dict[Labels, float] = {
                (row.region,): _seconds(row.heard_at) for row in await session.execute(HEARD, asked)
            }
        return [
            gauge(catalogue.FEDERATION_BUCKETS, buckets),
            counter(catalogue.FEDERATION_REPAIRED, repaired),
            gauge(catalogue.FEDERATION_COMPARED, compared),
            gauge(catalogue.FEDERATION_HEARD, heard),
        ]

    async def _unsummed(self) -> Family:
        buckets: dict[Labels, float] = {(topic,): 0 for topic in KIND_OF}
        async with self._sessions() as session:
            for row in await session.execute(UNSUMMED):
                buckets[TOPIC_OF[row.kind],] = row.buckets
        return gauge(catalogue.FEDERATION_UNSUMMED, buckets)


def _seconds(since: datetime) -> float:
    return round(max(0.0, (clock.now() - since).total_seconds()))
