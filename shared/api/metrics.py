"""`GET /metrics` of a service: what its consumers, outbox, database and requests tell of themselves."""

from collections import Counter
from collections.abc import Iterable

from aiokafka.errors import KafkaError
from fastapi import FastAPI
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.backlog import Backlog as BusBacklog
from shared.bus.bus import Bus
from shared.contracts.topics import RESEARCH
from shared.database.engine import sized
from shared.database.faults import ERRORS
from shared.database.statements import Statements
from shared.outbox.backlog import Backlog as OutboxBacklog
from shared.outbox.relay import Relay
from shared.telemetry import catalogue
from shared.telemetry.families import STEP, DailyTens, Family, Labels, counter, gauge
from shared.telemetry.metrics import CONTENT_TYPE, Metrics
from shared.telemetry.requests import CountRequests

QUARTERS = 4
MINUTE = 60

DATABASE_AWAY: tuple[type[Exception], ...] = (*ERRORS, OSError)


def install(
    app: FastAPI,
    *,
    bus: Bus,
    engine: AsyncEngine,
    statements: Statements | None = None,
    relay: Relay | None = None,
    exact: bool = False,
) -> Metrics:
    """`/metrics` of `app`, and the count of its requests. The service calls `look` of what is returned on and on.

    `exact`: acts are told at once and to the unit, as only the forum may (decision 9).
    """
    metrics = app.state.metrics = Metrics(exact=exact)
    machinery = _Machinery(bus, engine, statements, relay, exact=exact)
    metrics.acts.append(machinery.published)
    metrics.states += [
        machinery.outbox,
        machinery.relay,
        machinery.consumers,
        machinery.behind,
        machinery.pool,
        machinery.engines,
    ]
    app.add_middleware(CountRequests, requests=metrics.requests)

    @app.get("/metrics", include_in_schema=False)
    async def tell() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return metrics


class _Machinery:
    """Reads one service's parts."""

    def __init__(
        self,
        bus: Bus,
        engine: AsyncEngine,
        statements: Statements | None,
        relay: Relay | None,
        *,
        exact: bool,
    ) -> None:
        self._bus = bus
        self._engine = engine
        self._statements = statements
        self._relay = relay
        self._exact = exact
        self._behind = BusBacklog(bus)
        self._waiting = OutboxBacklog(engine)
        self._step = bus.settings.metrics_seconds
        self._up: dict[Labels, float] = {}
        self._published = DailyTens[Labels]()

    def published(self, exact: bool) -> Iterable[Family]:
        if self._relay is not None:
            counts = Counter[Labels]()
            for topic, count in self._relay.published.items():
                counts[_without_id(topic),] += count
            yield counter(catalogue.OUTBOX_PUBLISHED, counts if exact else self._published.end_day(counts))

    async def outbox(self) -> Iterable[Family]:
        self._up["database",] = False
        try:
            waiting = await self._waiting.look()
        except DATABASE_AWAY:
            return []
        self._up["database",] = True
        age = waiting.seconds if self._exact else waiting.seconds // MINUTE * MINUTE
        return [gauge(catalogue.OUTBOX_ROWS, self._some(waiting.rows)), gauge(catalogue.OUTBOX_AGE, age)]

    async def relay(self) -> Iterable[Family]:
        return [] if self._relay is None else [gauge(catalogue.RELAY_FAILING, self._relay.failing)]

    async def consumers(self) -> Iterable[Family]:
        refused: dict[Labels, float] = {}
        failures: dict[Labels, float] = {}
        duplicates: dict[Labels, float] = {}
        standing: dict[Labels, float] = {}
        clients = self._bus.clients()
        for group, consumer in self._bus.consumers.items():
            failures[group,] = consumer.progress.failures
            duplicates[group,] = consumer.duplicates
            lag = clients[group].lag if group in clients else 0
            standing[group,] = consumer.progress.standing(lag) // self._step * self._step
            for (topic, reason), count in consumer.refused.items():
                refused[group, topic, reason] = count
        return [
            gauge(catalogue.CONSUMER_FAILURES, failures),
            gauge(catalogue.CONSUMER_STANDING, standing),
            counter(catalogue.INBOX_DUPLICATES, duplicates),
            counter(catalogue.REFUSED_RECORDS, refused),
        ]

    async def behind(self) -> Iterable[Family]:
        if not self._bus.settings.consumers:
            return []
        self._up["kafka",] = False
        try:
            behind = await self._behind.look()
        except (KafkaError, OSError):
            return []
        self._up["kafka",] = bool(self._bus.clients())
        lag: dict[Labels, float] = {of: self._some(count) for of, count in behind.lag.items()}
        letters: dict[Labels, float] = {(queue,): count for queue, count in behind.dead_letters.items()}
        return [gauge(catalogue.CONSUMER_LAG, lag), gauge(catalogue.DEAD_LETTERS, letters)]

    async def engines(self) -> Iterable[Family]:
        return [gauge(catalogue.ENGINE_UP, self._up)]

    async def pool(self) -> Iterable[Family]:
        pool = sized(self._engine)
        lent = max(pool.checkedout(), self._statements.lent if self._statements else 0)
        return [gauge(catalogue.POOL_USED, lent * QUARTERS // pool.size() / QUARTERS)]

    def _some(self, count: int) -> int:
        """While something is broken what waits grows with each act: where acts have no clock time, in tens."""
        return count if self._exact else -(-count // STEP) * STEP


def _without_id(topic: str) -> str:
    """A study's topic bears its id."""
    return f"{RESEARCH}*" if topic.startswith(RESEARCH) else topic
